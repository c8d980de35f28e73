/*
 * A mail taken apart.
 */
#include "inbound_parts.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <gmime/gmime.h>
#include <string.h>

#include "lowercase.h"

#define HEADER_SIZE 65536  /* bytes of a header that are looked at */
#define SEEN_MAX 256       /* parts that are looked at, of whatever kind */
#define BOUNDARY_SIZE 1000 /* RFC 2046 section 5.1.1 has 70 */

/* Charsets that reports are written in, beside UTF-8: no other converter of the system's is loaded. */
static const char *const charsets[] = {
    "iso-8859-1",   "iso-8859-2",  "iso-8859-15", "windows-1250", "windows-1251",
    "windows-1252", "iso-2022-jp", "shift_jis",   "euc-jp",       "gb2312",
    "gbk",          "gb18030",     "big5",        "euc-kr",       "koi8-r",
};

/* What a Content-Type says, as far as it matters here. */
typedef struct {
    const char *type;                        /* "text/plain", lower case */
    const char *boundary, *charset, *report; /* or NULL */
} content_type;

/* ---- header ------------------------------------------------------------------- */

static const char *parameter(const GMimeContentType *parsed, const char *name, apr_pool_t *pool)
{
    const char *value = g_mime_content_type_get_parameter((GMimeContentType *)parsed, name);

    return value && *value ? apr_pstrdup(pool, value) : NULL;
}

static content_type read_type(const egs_fields *header, apr_pool_t *pool)
{
    content_type type = { "text/plain", NULL, NULL, NULL };
    const char *value = egs_fields_get(header, "Content-Type");
    GMimeContentType *parsed;

    if (!value || !strchr(value, '/')) {
        return type;
    }
    parsed = g_mime_content_type_parse(NULL, value);
    type.type = eg_lowercase(apr_pstrcat(pool, g_mime_content_type_get_media_type(parsed), "/",
                                         g_mime_content_type_get_media_subtype(parsed), NULL));
    type.boundary = parameter(parsed, "boundary", pool);
    type.charset = parameter(parsed, "charset", pool);
    type.report = parameter(parsed, "report-type", pool);
    g_object_unref(parsed);
    return type;
}

/* ---- content ------------------------------------------------------------------- */

static GMimeContentEncoding read_encoding(const egs_fields *header)
{
    const char *value = egs_fields_get(header, "Content-Transfer-Encoding");

    return value ? g_mime_content_encoding_from_string(value) : GMIME_CONTENT_ENCODING_DEFAULT;
}

/* Without CR; a NUL becomes a blank, so that it hides nothing. */
static char *as_text(const char *data, apr_size_t size, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, size + 1), *to = text;

    for (; size; data++, size--) {
        if (*data != '\r') {
            *to++ = *data ? *data : ' ';
        }
    }
    *to = '\0';
    return text;
}

static char *decode(const char *data, apr_size_t size, GMimeContentEncoding encoding, apr_pool_t *pool)
{
    GMimeEncoding state;
    char *decoded;

    if (encoding != GMIME_CONTENT_ENCODING_BASE64 && encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE) {
        return as_text(data, size, pool);
    }
    g_mime_encoding_init_decode(&state, encoding);
    decoded = apr_palloc(pool, g_mime_encoding_outlen(&state, size));
    size = g_mime_encoding_flush(&state, data, size, decoded);
    return as_text(decoded, size, pool);
}

static int is_known(const char *charset)
{
    for (size_t i = 0; i < sizeof charsets / sizeof *charsets; i++) {
        if (!apr_cstr_casecmp(charset, charsets[i])) {
            return 1;
        }
    }
    return 0;
}

static const char *to_utf8(const char *text, const char *charset, apr_pool_t *pool)
{
    char *converted;

    if (!charset || !is_known(charset)) {
        return text;
    }
    converted = g_convert(text, -1, "UTF-8", charset, NULL, NULL, NULL);
    if (converted) {
        text = apr_pstrdup(pool, converted);
        g_free(converted);
    }
    return text;
}

/* Is what a tag begins with the end of a line for those who read it? */
static int ends_line(const char *tag)
{
    static const char *const names[] = { "br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/table", "h" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!apr_cstr_casecmpn(tag, names[i], strlen(names[i]))) {
            return 1;
        }
    }
    return 0;
}

/* The few entities that stand in reports. @return bytes taken of text, one character goes to c */
static apr_size_t read_character(char *c, const char *text)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = { { "&lt;", '<' },   { "&gt;", '>' },   { "&amp;", '&' }, { "&quot;", '"' },
                     { "&nbsp;", ' ' }, { "&#39;", '\'' }, { "&#64;", '@' } };

    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (!apr_cstr_casecmpn(text, entities[i].name, strlen(entities[i].name))) {
            *c = entities[i].c;
            return strlen(entities[i].name);
        }
    }
    *c = *text;
    return 1;
}

/* HTML without its tags. A "<" that no ">" follows is a character. */
static const char *strip_tags(const char *text, apr_pool_t *pool)
{
    char *stripped = apr_palloc(pool, strlen(text) + 1), *to = stripped;
    const char *last = strrchr(text, '>');

    while (*text) {
        if (*text == '<' && last && text < last) {
            const char *end = strchr(text, '>');

            *to++ = ends_line(text + 1) ? '\n' : ' ';
            text = end + 1;
        }
        else {
            text += read_character(to++, text);
        }
    }
    *to = '\0';
    return stripped;
}

/* ---- structure ------------------------------------------------------------------- */

/* What a part of this type is good for. @return 0 for nothing */
static int find_kind(egs_part_kind *kind, const char *type)
{
    static const struct {
        const char *type;
        egs_part_kind kind;
    } kinds[] = {
        { "message/delivery-status", EGS_PART_STATUS },
        { "message/global-delivery-status", EGS_PART_STATUS },
        { "message/feedback-report", EGS_PART_FEEDBACK },
        { "message/rfc822", EGS_PART_MAIL },
        { "message/global", EGS_PART_MAIL },
        { "text/rfc822-headers", EGS_PART_MAIL },
        { "text/rfc822-header", EGS_PART_MAIL },
        { "message/rfc822-headers", EGS_PART_MAIL },
        { "message/global-headers", EGS_PART_MAIL },
        { "message/partial", EGS_PART_MAIL },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(type, kinds[i].type)) {
            *kind = kinds[i].kind;
            return 1;
        }
    }
    *kind = EGS_PART_TEXT;
    return !strncmp(type, "text/", 5) || !strncmp(type, "multipart/", 10);
}

static void add_leaf(egs_parts *parts, const content_type *type, const egs_fields *header, eg_bytes body,
                     apr_pool_t *pool)
{
    apr_size_t size = body.size < EGS_PART_SIZE ? body.size : EGS_PART_SIZE;
    egs_part *part = &parts->each[parts->count];

    if (parts->count == EGS_PARTS_MAX || !find_kind(&part->kind, type->type)) {
        return;
    }
    part->text = to_utf8(decode(body.data, size, read_encoding(header), pool), type->charset, pool);
    if (!strcmp(type->type, "text/html")) {
        part->text = strip_tags(part->text, pool);
    }
    parts->count++;
}

/* No more than the boundary, blanks, or the mark of the last one: a longer boundary is another's. */
static int is_boundary(const char *line, const char *end, const char *boundary, apr_size_t length)
{
    return (apr_size_t)(end - line) >= length + 2 && line[0] == '-' && line[1] == '-' &&
           !memcmp(line + 2, boundary, length) &&
           ((apr_size_t)(end - line) == length + 2 || strchr("-\r\n \t", line[length + 2]));
}

/* Where a line begins that is boundary's: behind its end is more. NULL: nowhere. */
static const char *find_boundary(const char *from, const char *end, const char *boundary)
{
    apr_size_t length = strlen(boundary);

    while (from < end) {
        const char *line_end = memchr(from, '\n', (apr_size_t)(end - from));

        if (is_boundary(from, end, boundary, length)) {
            return from;
        }
        if (!line_end) {
            return NULL;
        }
        from = line_end + 1;
    }
    return NULL;
}

static const char *behind_line(const char *from, const char *end)
{
    const char *line_end = memchr(from, '\n', (apr_size_t)(end - from));

    return line_end ? line_end + 1 : end;
}

static void read_entity(egs_parts *parts, egs_fields *header, eg_bytes entity, int depth, apr_pool_t *pool);

/* Is this the line behind the last part? */
static int is_last(const char *line, const char *end, apr_size_t boundary_length)
{
    const char *behind = line + 2 + boundary_length;

    return end - behind >= 2 && behind[0] == '-' && behind[1] == '-';
}

/* The parts between the lines of the boundary. @return is there one? */
static int read_multipart(egs_parts *parts, const char *boundary, eg_bytes body, int depth, apr_pool_t *pool)
{
    const char *end = (const char *)body.data + body.size;
    const char *at = find_boundary(body.data, end, boundary);
    int found = at != NULL;

    while (at && parts->seen < SEEN_MAX && !is_last(at, end, strlen(boundary))) {
        const char *begin = behind_line(at, end);
        egs_fields header;

        at = find_boundary(begin, end, boundary);
        read_entity(parts, &header, (eg_bytes){ begin, (apr_size_t)((at ? at : end) - begin) }, depth + 1,
                    pool);
    }
    return found;
}

/* The empty line behind a header, or the end. */
static const char *find_body(const char *from, const char *end)
{
    while (from < end && *from != '\n' && !(end - from >= 2 && from[0] == '\r' && from[1] == '\n')) {
        from = behind_line(from, end);
    }
    return from;
}

/* A part without a type of its own that begins as a mail does: some enclose the mail in question so. */
static int is_bare_mail(const egs_fields *header)
{
    return egs_fields_get(header, "Received") ||
           (egs_fields_get(header, "From") && egs_fields_get(header, "Date"));
}

static void read_entity(egs_parts *parts, egs_fields *header, eg_bytes entity, int depth, apr_pool_t *pool)
{
    const char *begin = entity.data, *end = begin + entity.size, *body = find_body(begin, end);
    apr_size_t size = (apr_size_t)(body - begin);
    content_type type;

    parts->seen++;
    egs_fields_read(header, as_text(begin, size < HEADER_SIZE ? size : HEADER_SIZE, pool), pool);
    type = read_type(header, pool);
    if (!depth && type.report) {
        parts->report = eg_lowercase(apr_pstrdup(pool, type.report));
    }
    if (depth && is_bare_mail(header)) {
        type.type = "message/rfc822";
        body = begin;
    }
    else {
        body = behind_line(body, end);
    }
    entity = (eg_bytes){ body, (apr_size_t)(end - body) };
    if (strncmp(type.type, "multipart/", 10) || !type.boundary || strlen(type.boundary) > BOUNDARY_SIZE ||
        depth == EGS_PARTS_DEPTH || !read_multipart(parts, type.boundary, entity, depth, pool)) {
        add_leaf(parts, &type, header, entity, pool);
    }
}

void egs_parts_start(void)
{
    g_mime_init();
}

void egs_parts_read(egs_parts *parts, eg_bytes mail, apr_pool_t *pool)
{
    parts->report = "";
    parts->count = 0;
    parts->seen = 0;
    read_entity(parts, &parts->header, mail, 0, pool);
}

const egs_part *egs_parts_first(const egs_parts *parts, egs_part_kind kind)
{
    for (int i = 0; i < parts->count; i++) {
        if (parts->each[i].kind == kind) {
            return &parts->each[i];
        }
    }
    return NULL;
}
