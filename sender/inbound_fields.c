/*
 * "Name: value" lines.
 */
#include "inbound_fields.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

static apr_size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

static int is_empty(const char *line)
{
    return line[strspn(line, " \t")] == '\n' || line[strspn(line, " \t")] == '\0';
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return *line ? line + 1 : line;
}

/* The colon behind a field's name, or NULL: names are printable ASCII. */
static const char *find_colon(const char *line)
{
    const char *at = line;

    while (apr_isgraph(*at) && *at != ':') {
        at++;
    }
    if (at == line) {
        return NULL;
    }
    at += strspn(at, " \t");
    return *at == ':' ? at : NULL;
}

/* A value and the lines that go on with it, as one line. @return the line behind them */
static const char *read_value(const char **value, const char *text, apr_pool_t *pool)
{
    const char *end = text;
    char *line;
    apr_size_t used = 0;

    do {
        end = next_line(end);
    } while ((*end == ' ' || *end == '\t') && !is_empty(end));
    line = apr_palloc(pool, EGS_FIELD_VALUE_MAX + 1 < end - text ? EGS_FIELD_VALUE_MAX + 1
                                                                 : (apr_size_t)(end - text) + 1);
    for (; text < end && used < EGS_FIELD_VALUE_MAX; text++) {
        char c = *text == '\n' || *text == '\t' ? ' ' : *text;

        if (c != ' ' || (used && line[used - 1] != ' ')) {
            line[used++] = c;
        }
    }
    line[used && line[used - 1] == ' ' ? used - 1 : used] = '\0';
    *value = line;
    return end;
}

const char *egs_fields_read(egs_fields *fields, const char *text, apr_pool_t *pool)
{
    egs_field read[EGS_FIELDS_MAX];
    int count = 0;

    while (*text && !is_empty(text)) {
        const char *colon = find_colon(text);

        if (!colon || count == EGS_FIELDS_MAX) {
            text = next_line(text);
            continue;
        }
        read[count].name = apr_pstrmemdup(pool, text, strcspn(text, " \t:"));
        text = read_value(&read[count++].value, colon + 1, pool);
    }
    while (*text && is_empty(text)) {
        text = next_line(text);
    }
    fields->each = apr_pmemdup(pool, read, (apr_size_t)count * sizeof *read);
    fields->count = count;
    return text;
}

const char *egs_fields_get(const egs_fields *fields, const char *name)
{
    for (int i = 0; i < fields->count; i++) {
        if (!apr_cstr_casecmp(fields->each[i].name, name)) {
            return fields->each[i].value;
        }
    }
    return NULL;
}
