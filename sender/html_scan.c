/*
 * HTML taken apart as browsers do it (HTML standard section 13.2.5).
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>

#include "html_scan.h"

#define CDATA "<![CDATA["

typedef enum { FOUND, TAG_END, CUT_OFF } progress;

/* Contents that are no markup up to the element's end tag (section 13.2.6.4.4 and its neighbours). */
static const char *const raw_elements[] = { "style",  "script",  "title",    "textarea", "xmp",
                                            "iframe", "noembed", "noframes", "plaintext" };

/* Not locale's: vertical tab is none (HTML standard, "ASCII whitespace"). */
static int is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static int is_named(const char *name, apr_size_t length, const char *wanted)
{
    return length == strlen(wanted) && apr_cstr_casecmpn(name, wanted, length) == 0;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    return at;
}

/* -- attributes -- */

static progress read_quoted(egs_html_attribute *attribute, const char **at, const char *end)
{
    const char *closing = memchr(*at + 1, **at, (size_t)(end - *at - 1));

    if (!closing) {
        return CUT_OFF;
    }
    attribute->is_quoted = 1;
    attribute->value = *at + 1;
    attribute->value_length = (apr_size_t)(closing - attribute->value);
    *at = closing + 1;
    return FOUND;
}

/* A slash is part of a value without quotes. */
static progress read_value(egs_html_attribute *attribute, const char **at, const char *end)
{
    *at = skip_blanks(*at, end);
    if (*at < end && (**at == '"' || **at == '\'')) {
        return read_quoted(attribute, at, end);
    }
    attribute->value = *at;
    while (*at < end && !is_blank(**at) && **at != '>') {
        ++*at;
    }
    attribute->value_length = (apr_size_t)(*at - attribute->value);
    return *at < end ? FOUND : CUT_OFF;
}

/* At is behind the tag's name or another attribute; at the tag's ">" where there is none any more. */
static progress read_attribute(egs_html_attribute *attribute, const char **at, const char *end)
{
    while (*at < end && (is_blank(**at) || **at == '/')) {
        ++*at;
    }
    if (*at == end || **at == '>') {
        return *at == end ? CUT_OFF : TAG_END;
    }
    *attribute = (egs_html_attribute){ .name = *at };
    do { /* an equals sign in front belongs to the name */
        ++*at;
    } while (*at < end && !is_blank(**at) && **at != '/' && **at != '>' && **at != '=');
    attribute->name_length = (apr_size_t)(*at - attribute->name);
    *at = skip_blanks(*at, end);
    if (*at < end && **at == '=') {
        ++*at;
        return read_value(attribute, at, end);
    }
    return *at < end ? FOUND : CUT_OFF;
}

int egs_html_scan_attribute(egs_html_attribute *attribute, const char **at, const egs_html_token *tag)
{
    if (!*at) {
        *at = tag->name + tag->name_length;
    }
    return read_attribute(attribute, at, tag->data + tag->length) == FOUND;
}

/* -- tokens -- */

static void finish(egs_html_token *token, egs_html_kind kind, egs_html_scan *scan, const char *stop)
{
    token->kind = kind;
    token->length = (apr_size_t)(stop - token->data);
    scan->at = stop;
}

/* Up to and with what ends it; to the end of the text where nothing does. */
static void finish_apart(egs_html_token *token, egs_html_scan *scan, const char *stop)
{
    finish(token, stop ? EGS_HTML_APART : EGS_HTML_UNFINISHED, scan, stop ? stop : scan->end);
}

/* Behind the next ">"; NULL: there is none. */
static const char *bracket_end(const char *at, const char *end)
{
    const char *found = memchr(at, '>', (size_t)(end - at));

    return found ? found + 1 : NULL;
}

/*
 * At is behind "<!--". The dashes that open it may be those that close it in "-->", not in "--!>".
 * @return behind the comment; NULL: it has no end
 */
static const char *comment_end(const char *at, const char *end)
{
    const char *start = at;

    while ((at = memchr(at, '>', (size_t)(end - at)))) {
        if (memcmp(at - 2, "--", 2) == 0 || (at - start >= 3 && memcmp(at - 3, "--!", 3) == 0)) {
            return at + 1;
        }
        at++;
    }
    return NULL;
}

static int begins(const char *at, const char *end, const char *prefix)
{
    return (apr_size_t)(end - at) >= strlen(prefix) && memcmp(at, prefix, strlen(prefix)) == 0;
}

/* A comment, a section or a declaration: whatever begins with "<" and is no tag. */
static void read_apart(egs_html_token *token, egs_html_scan *scan)
{
    const char *at = scan->at, *end = scan->end, *stop = NULL;

    if (begins(at, end, "<!--")) {
        finish_apart(token, scan, comment_end(at + 4, end));
        return;
    }
    if (begins(at, end, CDATA) && !scan->no_cdata_end) {
        stop = memmem(at, (size_t)(end - at), "]]>", 3);
        scan->no_cdata_end = !stop;
    }
    finish_apart(token, scan, stop ? stop + 3 : bracket_end(at, end));
}

static void note_raw_element(egs_html_scan *scan, const egs_html_token *token)
{
    for (size_t i = 0; i < sizeof raw_elements / sizeof *raw_elements; i++) {
        if (egs_html_scan_is(token, raw_elements[i])) {
            scan->opened = token->data;
            scan->opened_name = raw_elements[i];
        }
    }
}

/* At name, which begins with a letter. */
static void read_tag(egs_html_token *token, egs_html_scan *scan, egs_html_kind kind, const char *name)
{
    egs_html_attribute attribute;
    const char *at = name;
    progress step;

    while (at < scan->end && !is_blank(*at) && *at != '/' && *at != '>') {
        at++;
    }
    token->name = name;
    token->name_length = (apr_size_t)(at - name);
    do {
        step = read_attribute(&attribute, &at, scan->end);
    } while (step == FOUND);
    if (step == CUT_OFF) {
        finish(token, EGS_HTML_UNFINISHED, scan, scan->end);
        return;
    }
    finish(token, kind, scan, at + 1);
    if (kind == EGS_HTML_START_TAG) {
        note_raw_element(scan, token);
    }
}

static int is_markup(const char *at, const char *end)
{
    if (end - at < 2 || at[0] != '<') {
        return 0;
    }
    return apr_isalpha(at[1]) || at[1] == '!' || at[1] == '?' || (at[1] == '/' && end - at > 2);
}

static void read_text(egs_html_token *token, egs_html_scan *scan)
{
    const char *at = scan->at;

    while ((at = memchr(at, '<', (size_t)(scan->end - at))) && !is_markup(at, scan->end)) {
        at++;
    }
    finish(token, EGS_HTML_TEXT, scan, at ? at : scan->end);
}

/* The end tag of the element that is open; NULL: there is none. */
static const char *raw_end(const egs_html_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    apr_size_t length = strlen(scan->opened_name);

    if (strcmp(scan->opened_name, "plaintext") == 0) {
        return NULL;
    }
    while ((at = memchr(at, '<', (size_t)(end - at))) && (apr_size_t)(end - at) > length + 2) {
        const char *name = at + 2;

        if (at[1] == '/' && is_named(name, length, scan->opened_name) &&
            (is_blank(name[length]) || name[length] == '/' || name[length] == '>')) {
            return at;
        }
        at++;
    }
    return NULL;
}

/* @return 0 when there are no contents */
static int read_raw(egs_html_token *token, egs_html_scan *scan)
{
    const char *stop = raw_end(scan);

    if (!stop) {
        token->data = scan->opened;
    }
    scan->opened = NULL;
    if (stop == scan->at) {
        return 0;
    }
    finish_apart(token, scan, stop);
    return 1;
}

void egs_html_scan_start(egs_html_scan *scan, const char *text, apr_size_t length)
{
    *scan = (egs_html_scan){ .at = text, .end = text + length };
}

int egs_html_scan_next(egs_html_token *token, egs_html_scan *scan)
{
    const char *at = scan->at;

    *token = (egs_html_token){ .data = at };
    if (scan->opened && read_raw(token, scan)) {
        return 1;
    }
    if (at == scan->end) {
        return 0;
    }
    if (!is_markup(at, scan->end)) {
        read_text(token, scan);
    }
    else if (apr_isalpha(at[1])) {
        read_tag(token, scan, EGS_HTML_START_TAG, at + 1);
    }
    else if (at[1] == '/' && apr_isalpha(at[2])) {
        read_tag(token, scan, EGS_HTML_END_TAG, at + 2);
    }
    else {
        read_apart(token, scan);
    }
    return 1;
}

int egs_html_scan_is(const egs_html_token *token, const char *name)
{
    return is_named(token->name, token->name_length, name);
}
