/* What emailgwctl prints: JSON lines for programs, aligned text for people. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "ctl.h"
#include "datetime.h"
#include "json.h"
#include "utf8.h"

/* Stored text can hold anything: on a terminal it comes escaped. */
static const char *printable(const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    char *escaped = apr_palloc(pool, 4 * length + 1);

    eg_utf8_escape(escaped, 4 * length + 1, text, length);
    return escaped;
}

/* Characters, so that columns stand below each other. */
static int width(const char *text)
{
    int count = 0;

    for (; *text != '\0'; text++) {
        count += (*text & 0xc0) != 0x80;
    }
    return count;
}

static void put_padded(const char *text, int to_width)
{
    printf("%s%*s", text, to_width - width(text), "");
}

static const char *heading(const char *name, apr_pool_t *pool)
{
    char *text = apr_pstrdup(pool, name);

    for (char *at = text; *at != '\0'; at++) {
        if (*at == '_') {
            *at = ' ';
        }
    }
    return text;
}

/* A scalar as people read it. */
static const char *value_text(const json_t *value, apr_pool_t *pool)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return printable(json_string_value(value), pool);
    case JSON_INTEGER:
        return apr_psprintf(pool, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    default:
        return "-";
    }
}

static void put_json(const json_t *object, apr_pool_t *pool)
{
    printf("%s\n", eg_json_text(object, pool));
}

int egs_ctl_refuse(const egs_ctl *ctl, const char *format, ...)
{
    va_list args;
    const char *text;

    va_start(args, format);
    text = apr_pvsprintf(ctl->pool, format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "emailgwctl: %s\n", printable(text, ctl->pool));
    return 1;
}

int egs_ctl_misuse(const egs_ctl *ctl, const char *format, ...)
{
    va_list args;
    const char *text;

    va_start(args, format);
    text = apr_pvsprintf(ctl->pool, format, args);
    va_end(args);
    egs_ctl_refuse(ctl, "%s", text);
    if (ctl->command != NULL) {
        fprintf(stderr, "usage: %s\n", egs_ctl_synopsis(ctl->command, ctl->pool));
    }
    else {
        fprintf(stderr, "emailgwctl --help lists the commands\n");
    }
    return 2;
}

const char *egs_ctl_synopsis(const egs_ctl_command *command, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, "emailgwctl ", command->name, NULL);

    if (command->operand != NULL) {
        text = apr_psprintf(pool, command->operand_optional ? "%s [%s]" : "%s %s", text, command->operand);
    }
    if (command->second != NULL) {
        text = apr_pstrcat(pool, text, " ", command->second, NULL);
    }
    for (const egs_ctl_option *option = command->options; option != NULL && option->name != NULL; option++) {
        const char *one = option->value == NULL
                              ? apr_pstrcat(pool, "--", option->name, NULL)
                              : apr_pstrcat(pool, "--", option->name, " ", option->value, NULL);

        text = apr_psprintf(pool, option->required ? "%s %s" : "%s [%s]", text, one);
    }
    return text;
}

/* A cell of a line; the last one ends it. */
static void put_cell(const char *text, const apr_array_header_t *widths, int column, int columns)
{
    if (column == columns - 1) {
        printf("%s\n", text);
    }
    else {
        put_padded(text, APR_ARRAY_IDX(widths, column, int) + 2);
    }
}

/* The widest of a member's values and its heading. */
static int column_width(const json_t *array, const char *key, apr_pool_t *pool)
{
    int widest = width(key);
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item)
    {
        int wide = width(value_text(json_object_get(item, key), pool));

        widest = wide > widest ? wide : widest;
    }
    return widest;
}

/* Objects of the same members below each other, under headings. */
static void put_table(json_t *array, int indent, apr_pool_t *pool)
{
    json_t *first = json_array_get(array, 0), *item, *value;
    apr_array_header_t *widths = apr_array_make(pool, 8, sizeof(int));
    const char *key;
    size_t i;

    printf("%*s", indent, "");
    json_object_foreach(first, key, value)
    {
        APR_ARRAY_PUSH(widths, int) = column_width(array, key, pool);
        put_cell(heading(key, pool), widths, widths->nelts - 1, (int)json_object_size(first));
    }
    json_array_foreach(array, i, item)
    {
        int column = 0;

        printf("%*s", indent, "");
        json_object_foreach(item, key, value)
        {
            put_cell(value_text(value, pool), widths, column++, (int)json_object_size(first));
        }
    }
}

void egs_ctl_show(const egs_ctl *ctl, json_t *object)
{
    const char *key;
    json_t *value;
    int widest = 0;

    eg_json_own(object, ctl->pool);
    if (ctl->json) {
        put_json(object, ctl->pool);
        return;
    }
    json_object_foreach(object, key, value)
    {
        widest = width(key) > widest ? width(key) : widest;
    }
    json_object_foreach(object, key, value)
    {
        if (json_array_size(value) > 0) {
            printf("%s\n", heading(key, ctl->pool));
            put_table(value, 2, ctl->pool);
            continue;
        }
        put_padded(heading(key, ctl->pool), widest + 2);
        printf("%s\n", value_text(value, ctl->pool));
    }
}

void egs_ctl_say(const egs_ctl *ctl, json_t *object, const char *sentence)
{
    eg_json_own(object, ctl->pool);
    if (ctl->json) {
        put_json(object, ctl->pool);
    }
    else {
        printf("%s\n", printable(sentence, ctl->pool));
    }
    fflush(stdout); /* what a long run has done is seen while it goes on */
}

const char *egs_ctl_state_name(eg_record_state state)
{
    return state == EG_RECORD_HOLDS ? "verified" : state == EG_RECORD_FAILS ? "failed" : "unknown";
}

/* PostgreSQL's "2026-01-31 08:00:00.5+00" as RFC 3339 in UTC; anything else stays. */
static const char *time_text(const char *text, apr_pool_t *pool)
{
    char *iso = apr_pstrcat(pool, text, ":00", NULL);
    apr_size_t length = strlen(text);
    char buffer[EG_DATETIME_SIZE];
    apr_time_t time;

    if (length < strlen("2026-01-31 08:00:00+00")) {
        return text;
    }
    iso[10] = 'T';
    if (text[length - 3] == ':') {
        iso[length] = '\0'; /* the offset has its minutes already */
    }
    return eg_datetime_parse(&time, iso) == APR_SUCCESS ? apr_pstrdup(pool, eg_datetime_format(buffer, time))
                                                        : text;
}

static json_t *column_value(const eg_rows *rows, int row, const egs_ctl_column *column, apr_pool_t *pool)
{
    const char *text = eg_rows_text(rows, row, column->name);

    if (text == NULL) {
        return json_null();
    }
    switch (column->kind) {
    case EGS_COLUMN_NUMBER:
        return json_integer(eg_rows_int(rows, row, column->name));
    case EGS_COLUMN_TIME:
        return json_string(time_text(text, pool));
    default:
        return json_string(text);
    }
}

json_t *egs_ctl_row(const egs_ctl *ctl, const eg_rows *rows, int row, const egs_ctl_column *columns)
{
    json_t *object = json_object();

    for (; columns->name != NULL; columns++) {
        json_object_set_new(object, columns->name, column_value(rows, row, columns, ctl->pool));
    }
    return object;
}

void egs_ctl_list(const egs_ctl *ctl, const eg_rows *rows, const egs_ctl_column *columns, const char *none)
{
    json_t *array = eg_json_own(json_array(), ctl->pool), *item;
    size_t i;

    for (int row = 0; row < eg_rows_count(rows); row++) {
        json_array_append_new(array, egs_ctl_row(ctl, rows, row, columns));
    }
    if (ctl->json) {
        json_array_foreach(array, i, item)
        {
            put_json(item, ctl->pool);
        }
    }
    else if (json_array_size(array) == 0) {
        printf("%s\n", none);
    }
    else {
        put_table(array, 0, ctl->pool);
    }
}
