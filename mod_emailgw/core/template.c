/* Text with {{ field }} in it, checked and filled in. */
#include "template.h"

#include <string.h>

#include <apr_strings.h>

#include "json.h"
#include "utf8.h"

#define BLANKS " \t\r\n"
#define UNSUBSCRIBE "unsubscribe"

/** A field where it stands. */
typedef struct {
    const char *begin, *end; /* with its braces */
    const char *name;
    apr_size_t length; /* of the name */
    int raw;           /* three braces */
} placeholder;

static int is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* The end of a field: names with dots between them. The place itself where none begins. */
static const char *skip_field(const char *at)
{
    const char *end = at;

    while (is_name_byte(*at)) {
        while (is_name_byte(*at)) {
            at++;
        }
        end = at;
        if (*at != '.') {
            break;
        }
        at++;
    }
    return end;
}

/* Read the tag that begins here. NULL, or what is wrong with it. */
static const char *read_tag(placeholder *tag, const char *begin)
{
    const char *close;

    tag->begin = begin;
    tag->raw = begin[2] == '{';
    close = tag->raw ? "}}}" : "}}";
    tag->name = begin + 2 + tag->raw;
    tag->name += strspn(tag->name, BLANKS);
    tag->end = skip_field(tag->name);
    tag->length = (apr_size_t)(tag->end - tag->name);
    if (tag->length == 0) {
        return "a field is expected behind '{{': letters, digits, '_' and '-', with dots between names";
    }
    if (tag->length > EG_TEMPLATE_FIELD_MAX) {
        return "the field is longer than " APR_STRINGIFY(EG_TEMPLATE_FIELD_MAX) " bytes";
    }
    tag->end += strspn(tag->end, BLANKS);
    if (strncmp(tag->end, close, strlen(close)) != 0) {
        return tag->raw ? "the field is not closed by '}}}'" : "the field is not closed by '}}'";
    }
    tag->end += strlen(close);
    return NULL;
}

static void find_place(eg_template_fault *fault, const char *text, const char *place)
{
    fault->line = 1;
    fault->column = 1;
    for (; text < place; text++) {
        fault->column++;
        if (*text == '\n') {
            fault->line++;
            fault->column = 1;
        }
    }
}

apr_status_t eg_template_check(eg_template_fault *fault, const char *text)
{
    placeholder tag = { .end = text };
    const char *begin;

    while ((begin = strstr(tag.end, "{{")) != NULL) {
        fault->problem = read_tag(&tag, begin);
        if (fault->problem != NULL) {
            find_place(fault, text, begin);
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* ---- values ----------------------------------------------------------------------- */

/* What an object has under names with dots between them; NULL for nothing, and for null. */
static const json_t *find_in(const json_t *object, const char *name, apr_size_t length)
{
    const char *end = name + length;
    const json_t *value = object;

    while (value != NULL && name < end) {
        const char *dot = memchr(name, '.', (apr_size_t)(end - name));
        apr_size_t part = (apr_size_t)((dot != NULL ? dot : end) - name);

        value = json_object_getn(value, name, part);
        name += part + 1;
    }
    return json_is_null(value) ? NULL : value;
}

static const char *find_value(const placeholder *tag, const eg_template_fields *fields, apr_pool_t *pool)
{
    const json_t *value = NULL;

    for (int i = 0; i < EG_TEMPLATE_SCOPES && value == NULL; i++) {
        value = find_in(fields->scopes[i], tag->name, tag->length);
    }
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    return json_is_number(value) || json_is_boolean(value) ? eg_json_text(value, pool) : "";
}

/* ---- output: measured first, then written ---------------------------------------------- */

typedef struct {
    char *text; /* NULL: only measured */
    apr_size_t size;
    apr_size_t max;
    int full;
} sink;

/* Whole or not at all: a character is never cut. */
static void put(sink *out, const char *bytes, apr_size_t length)
{
    if (out->full || length > out->max - out->size) {
        out->full = 1;
        return;
    }
    if (out->text != NULL) {
        memcpy(out->text + out->size, bytes, length);
    }
    out->size += length;
}

static void put_html(sink *out, const char *value)
{
    for (; *value != '\0' && !out->full; value++) {
        switch (*value) {
        case '&':
            put(out, "&amp;", 5);
            break;
        case '<':
            put(out, "&lt;", 4);
            break;
        case '>':
            put(out, "&gt;", 4);
            break;
        case '"':
            put(out, "&quot;", 6);
            break;
        case '\'':
            put(out, "&#39;", 5);
            break;
        case '{': /* so that a value cannot bring an {{unsubscribe}} along */
            put(out, "&#123;", 6);
            break;
        default:
            put(out, value, 1);
        }
    }
}

/* Text that is to stay on one line, character by character. */
static void put_line(sink *out, const char *text, apr_size_t length)
{
    for (apr_size_t at = 0, bytes; at < length && !out->full; at += bytes) {
        apr_uint32_t code = 0;

        bytes = eg_utf8_next(&code, text + at, length - at);
        if (bytes == 0 || eg_utf8_is_control(code)) {
            put(out, " ", 1);
            bytes = bytes == 0 ? 1 : bytes;
        }
        else {
            put(out, text + at, bytes);
        }
    }
}

static void put_text(sink *out, const char *text, apr_size_t length, eg_template_kind kind)
{
    if (kind == EG_TEMPLATE_LINE) {
        put_line(out, text, length);
    }
    else {
        put(out, text, length);
    }
}

static void put_tag(sink *out, const placeholder *tag, eg_template_kind kind,
                    const eg_template_fields *fields, apr_pool_t *pool)
{
    const char *value;

    if (kind != EG_TEMPLATE_LINE && tag->length == strlen(UNSUBSCRIBE) &&
        memcmp(tag->name, UNSUBSCRIBE, tag->length) == 0) {
        put(out, "{{" UNSUBSCRIBE "}}", strlen("{{" UNSUBSCRIBE "}}"));
        return;
    }
    value = find_value(tag, fields, pool);
    if (kind == EG_TEMPLATE_HTML && !tag->raw) {
        put_html(out, value);
    }
    else {
        put_text(out, value, strlen(value), kind);
    }
}

static apr_status_t write_all(sink *out, const char *text, eg_template_kind kind,
                              const eg_template_fields *fields, apr_pool_t *pool)
{
    const char *begin;
    placeholder tag;

    while (!out->full && (begin = strstr(text, "{{")) != NULL) {
        if (read_tag(&tag, begin) != NULL) {
            return APR_EINVAL;
        }
        put_text(out, text, (apr_size_t)(begin - text), kind);
        put_tag(out, &tag, kind, fields, pool);
        text = tag.end;
    }
    if (!out->full) {
        put_text(out, text, strlen(text), kind);
    }
    return APR_SUCCESS;
}

apr_status_t eg_template_fill(const char **out, const char *text, eg_template_kind kind,
                              const eg_template_fields *fields, apr_size_t max, apr_pool_t *pool)
{
    sink measured = { .max = max }, written = { .max = max };
    apr_status_t rv = write_all(&measured, text, kind, fields, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (measured.full && kind != EG_TEMPLATE_LINE) {
        return APR_ENOSPC;
    }
    written.text = apr_palloc(pool, measured.size + 1);
    write_all(&written, text, kind, fields, pool);
    written.text[written.size] = '\0';
    *out = written.text;
    return APR_SUCCESS;
}
