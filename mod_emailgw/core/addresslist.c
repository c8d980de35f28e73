#include "addresslist.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "headerscan.h"
#include "headerwords.h"

/* One mailbox while it is read: what stands before "<" or, without one, all of it. */
typedef struct {
    char *phrase, *phrase_end; /* words with a blank between them */
    char *spec, *spec_end;     /* the same without blanks, quoted strings with their quotes */
    const char *angle;         /* what stood between < and > */
    int is_parted;             /* spec had blanks between its words */
    int has_at;                /* outside of quotes */
    int named_at;              /* the same of what stands before the angle bracket */
    int in_group;
    int is_unclear; /* all of the list, as eg_addresslist_is_clear has it */
} reader;

static void begin(reader *r)
{
    r->phrase_end = r->phrase;
    r->spec = ++r->spec_end; /* what was read before stays where it is, with a NUL behind it */
    r->angle = NULL;
    r->is_parted = r->has_at = r->named_at = 0;
}

static void add(char **end, const char *text, apr_size_t length)
{
    memcpy(*end, text, length);
    *end += length;
}

/* Outside of quotes these say where something ends. */
static int is_special(char c)
{
    return c == '\0' || strchr(",;:<>\"()[] \t", c) != NULL;
}

/* A word, a quoted string or an address literal. @return 0 when it is neither */
static int read_word(reader *r, eg_headerscan *scan, apr_pool_t *pool)
{
    const char *from = scan->at, *quoted;

    if (*from == '"') {
        if (!eg_headerscan_quoted(&quoted, scan, pool)) {
            return 0;
        }
        add(&r->phrase_end, quoted, strlen(quoted));
    }
    else {
        if (*from == '[') {
            const char *close = memchr(from, ']', (apr_size_t)(scan->end - from));

            scan->at = close != NULL ? close + 1 : from;
        }
        while (scan->at < scan->end && !is_special(*scan->at)) {
            scan->at++;
        }
        add(&r->phrase_end, from, (apr_size_t)(scan->at - from));
        r->has_at |= memchr(from, '@', (apr_size_t)(scan->at - from)) != NULL;
    }
    add(&r->spec_end, from, (apr_size_t)(scan->at - from));
    return scan->at > from;
}

/* An at sign, one that looks like it, or what another reader may decode to one. */
static int reads_as_at(const char *text)
{
    static const char *const signs[] = { "@", "\xEF\xBC\xA0", "\xEF\xB9\xAB", "=?" };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (strstr(text, signs[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* May somebody read an at sign in what may be comments? */
static int shows_at(const char *from, const char *end, apr_pool_t *pool)
{
    apr_size_t length = (apr_size_t)(end - from);
    char *text;

    if (memchr(from, '(', length) == NULL) {
        return 0;
    }
    if (memchr(from, '@', length) != NULL) {
        return 1;
    }
    text = apr_pstrmemdup(pool, from, length);
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '(' || *c == ')') {
            *c = ' '; /* encoded words end there as at blanks (RFC 2047 section 5 (2)) */
        }
    }
    return reads_as_at(eg_headerwords_decode(text, 3 * length, pool));
}

/* Past blanks and comments. @return 0 when a comment has no end */
static int skip(reader *r, eg_headerscan *scan, apr_pool_t *pool)
{
    const char *from = scan->at;
    int whole = eg_headerscan_skip(scan);

    r->is_unclear |= shows_at(from, scan->at, pool);
    return whole;
}

/* "<" address ">". @return 0 when it has no end or is empty, or where a mailbox has two */
static int read_angle(reader *r, eg_headerscan *scan, apr_pool_t *pool)
{
    char *phrase_end = r->phrase_end, *begin_spec = r->spec_end + 1;

    r->named_at = r->has_at;
    *r->spec_end++ = '\0';
    scan->at++;
    while (skip(r, scan, pool) && scan->at < scan->end && *scan->at != '>') {
        if (!read_word(r, scan, pool)) {
            return 0;
        }
    }
    r->phrase_end = phrase_end;
    if (scan->at == scan->end || r->angle != NULL || r->spec_end == begin_spec) {
        return 0;
    }
    scan->at++;
    r->angle = begin_spec;
    return 1;
}

/* What was read since the last comma. @return 0 when it is no mailbox; nothing at all is none too many */
static int end_mailbox(apr_array_header_t *list, reader *r, apr_pool_t *pool)
{
    eg_address address = { "", r->angle != NULL ? r->angle : r->spec };

    *r->phrase_end = *r->spec_end = '\0';
    if (r->angle == NULL && (r->spec_end == r->spec || r->is_parted)) {
        return !r->is_parted;
    }
    if (r->angle != NULL) {
        r->is_unclear |= r->named_at && apr_cstr_casecmp(r->spec, r->angle) != 0;
        address.name = eg_headerwords_decode(r->phrase, EG_NAME_MAX, pool);
    }
    if (strchr(address.address, '@') == NULL) {
        return 0;
    }
    APR_ARRAY_PUSH(list, eg_address) = address;
    begin(r);
    return 1;
}

/* A blank between words of a name; in an address blanks may stand only round a dot or an at sign. */
static void part_words(reader *r, const eg_headerscan *scan)
{
    if (r->spec_end == r->spec) {
        return;
    }
    if (strchr(" \t)", scan->at[-1])) {
        add(&r->phrase_end, " ", 1);
    }
    r->is_parted |= !strchr(".@", r->spec_end[-1]) && !strchr(".@", *scan->at);
}

/* What is at hand. @return 0 when it cannot stand there */
static int read_token(apr_array_header_t *list, reader *r, eg_headerscan *scan, apr_pool_t *pool)
{
    switch (*scan->at) {
    case '<':
        return read_angle(r, scan, pool);
    case ':':
        if (r->in_group || r->angle != NULL || r->spec_end == r->spec) {
            return 0;
        }
        scan->at++;
        r->in_group = r->is_unclear = 1;
        begin(r);
        return 1;
    case ';':
        if (!r->in_group) {
            return 0;
        }
        r->in_group = 0;
        /* falls through */
    case ',':
        scan->at++;
        return end_mailbox(list, r, pool);
    default:
        if (r->angle != NULL) {
            return 0;
        }
        part_words(r, scan);
        return read_word(r, scan, pool);
    }
}

/* @param is_clear  as eg_addresslist_is_clear has it */
static apr_status_t parse(apr_array_header_t **list, int *is_clear, const char *value, apr_pool_t *pool)
{
    apr_size_t length = strlen(value);
    eg_headerscan scan = { value, value + length };
    reader r = { .phrase = apr_palloc(pool, 2 * length + 2), .spec_end = apr_palloc(pool, 2 * length + 4) };
    apr_array_header_t *found = apr_array_make(pool, 4, sizeof(eg_address));

    begin(&r);
    for (;;) {
        if (!skip(&r, &scan, pool)) {
            return APR_EINVAL;
        }
        if (scan.at == scan.end) {
            break;
        }
        if (!read_token(found, &r, &scan, pool)) {
            return APR_EINVAL;
        }
    }
    if (r.in_group || !end_mailbox(found, &r, pool)) {
        return APR_EINVAL;
    }
    *list = found;
    *is_clear = !r.is_unclear;
    return APR_SUCCESS;
}

apr_status_t eg_addresslist_parse(apr_array_header_t **list, const char *value, apr_pool_t *pool)
{
    int is_clear;

    return parse(list, &is_clear, value, pool);
}

int eg_addresslist_is_clear(const char *value, apr_pool_t *pool)
{
    apr_array_header_t *list;
    int is_clear;

    return parse(&list, &is_clear, value, pool) == APR_SUCCESS && is_clear;
}
