/* The search box for events: what a person types, as a checked list of terms. */
#include "eventquery.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "eventtype.h"
#include "hostname.h"
#include "mailbox.h"
#include "utf8.h"
#include "uuid.h"

/* These two are no text to look for: they end in members of eg_eventquery. */
enum { FIELD_EVENT = 100, FIELD_MESSAGE_ID };

static const struct {
    const char *prefix;
    int field;
} fields[] = {
    { "subject:", EG_EVENTQUERY_SUBJECT },
    { "from:", EG_EVENTQUERY_FROM },
    { "to:", EG_EVENTQUERY_TO },
    { "domain:", EG_EVENTQUERY_DOMAIN },
    { "tag:", EG_EVENTQUERY_TAG },
    { "messageid:", FIELD_MESSAGE_ID },
    { "event:", FIELD_EVENT },
    { "url:", EG_EVENTQUERY_URL },
    { "ip:", EG_EVENTQUERY_IP },
    { "reason:", EG_EVENTQUERY_REASON },
};

/* ---- terms ------------------------------------------------------------------------------------------- */

/* The bytes of the blank that text begins with, 0 when it begins with none. */
static apr_size_t blank(const char *text)
{
    apr_uint32_t code = 0;
    apr_size_t bytes = eg_utf8_next(&code, text, strnlen(text, 4));
    int is_blank = code == ' ' || eg_utf8_is_control(code) || code == 0xA0 /* no-break space */
                   || (code >= 0x2000 && code <= 0x200A)                   /* spaces of various widths */
                   || code == 0x3000;                                      /* ideographic space */

    return bytes > 0 && is_blank ? bytes : 0;
}

static const char *skip_blanks(const char *text)
{
    for (apr_size_t bytes; (bytes = blank(text)) > 0;) {
        text += bytes;
    }
    return text;
}

/* Up to the next blank. */
static apr_size_t word_length(const char *text)
{
    const char *at = text;

    while (*at != '\0' && blank(at) == 0) {
        at++;
    }
    return (apr_size_t)(at - text);
}

/* Between quotation marks, with them; 0 where no phrase begins, or one without anything in it. */
static apr_size_t phrase_length(const char *text)
{
    const char *end = *text == '"' ? strchr(text + 1, '"') : NULL;

    return end != NULL && skip_blanks(text + 1) != end ? (apr_size_t)(end + 1 - text) : 0;
}

/* Control characters can be in nothing that is looked through. */
static const char *phrase_text(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *copy = apr_pstrmemdup(pool, text + 1, length - 2), *out = copy;

    for (const char *at = copy; *at != '\0';) {
        apr_uint32_t code = 0;
        apr_size_t bytes = eg_utf8_next(&code, at, strnlen(at, 4));

        if (eg_utf8_is_control(code)) {
            *out++ = ' ';
        }
        else {
            memmove(out, at, bytes);
            out += bytes;
        }
        at += bytes;
    }
    *out = '\0';
    return copy;
}

/*
 * The term that text begins with, which is no blank.
 * @param field  one of eg_eventquery_field or FIELD_...
 * @return where it ends
 */
static const char *take_term(int *field, const char **term, const char *text, apr_pool_t *pool)
{
    const char *value = text;
    apr_size_t length;

    *field = EG_EVENTQUERY_ANY;
    for (apr_size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        apr_size_t prefix = strlen(fields[i].prefix);

        if (apr_cstr_casecmpn(text, fields[i].prefix, prefix) == 0) {
            *field = fields[i].field;
            value = text + prefix;
        }
    }
    length = phrase_length(value);
    if (length > 0) {
        *term = phrase_text(value, length, pool);
        return value + length;
    }
    length = word_length(value);
    if (length == 0 || (length == 2 && memcmp(value, "\"\"", 2) == 0)) {
        /* A field without a value is a word. */
        *field = EG_EVENTQUERY_ANY;
        value = text;
        length = word_length(value);
    }
    *term = apr_pstrmemdup(pool, value, length);
    return value + length;
}

/* ---- what they ask for ------------------------------------------------------------------------------- */

static void want_event(eg_eventquery *query, const char *name)
{
    int type = (int)eg_eventtype_parse(name);

    query->nothing |= type == 0 || (query->type != 0 && query->type != type);
    query->type = type;
}

/* "0190...", or as the header has it: "<0190...@example.com>". */
static void want_message(eg_eventquery *query, const char *text, apr_pool_t *pool)
{
    char *id = apr_pstrdup(pool, *text == '<' ? text + 1 : text);

    id[strcspn(id, "@>")] = '\0';
    query->nothing |=
        !eg_uuid_valid(id) || (query->message_id != NULL && apr_cstr_casecmp(query->message_id, id) != 0);
    query->message_id = eg_uuid_valid(id) ? id : query->message_id;
}

/* Domains are kept as A-labels, whatever a person types. */
static const char *as_stored(eg_eventquery_field field, const char *text, apr_pool_t *pool)
{
    const char *ascii;
    eg_mailbox box = { 0 };

    if (field == EG_EVENTQUERY_DOMAIN && eg_hostname_parse(&ascii, text, pool) == APR_SUCCESS) {
        return ascii;
    }
    if (field == EG_EVENTQUERY_TO && eg_mailbox_parse(&box, text, pool) == APR_SUCCESS) {
        return box.address;
    }
    return text;
}

static apr_status_t add_term(eg_eventquery *query, const char **problem, eg_eventquery_field field,
                             const char *text, apr_pool_t *pool)
{
    if (query->count == EG_EVENTQUERY_TERMS_MAX) {
        *problem = apr_psprintf(pool, "there are more than %d words and phrases", EG_EVENTQUERY_TERMS_MAX);
        return APR_EINVAL;
    }
    text = as_stored(field, text, pool);
    if (strlen(text) > EG_EVENTQUERY_TERM_MAX) {
        *problem = apr_psprintf(pool, "a word or phrase has more than %d bytes", EG_EVENTQUERY_TERM_MAX);
        return APR_EINVAL;
    }
    query->terms[query->count++] = (eg_eventquery_term){ field, text };
    return APR_SUCCESS;
}

apr_status_t eg_eventquery_parse(eg_eventquery *query, const char **problem, const char *text,
                                 apr_pool_t *pool)
{
    memset(query, 0, sizeof *query);
    if (strlen(text) > EG_EVENTQUERY_MAX || !eg_utf8_valid(text, strlen(text))) {
        *problem = apr_psprintf(pool, "it must be UTF-8 text of at most %d bytes", EG_EVENTQUERY_MAX);
        return APR_EINVAL;
    }
    for (text = skip_blanks(text); *text != '\0'; text = skip_blanks(text)) {
        const char *term;
        int field;

        text = take_term(&field, &term, text, pool);
        if (field == FIELD_EVENT) {
            want_event(query, term);
        }
        else if (field == FIELD_MESSAGE_ID) {
            want_message(query, term, pool);
        }
        else if (add_term(query, problem, (eg_eventquery_field)field, term, pool) != APR_SUCCESS) {
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}
