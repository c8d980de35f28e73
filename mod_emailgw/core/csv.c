#include "csv.h"

#include <string.h>

#include <apr_strings.h>

#include "utf8.h"

void eg_csv_open(eg_csv *csv, const char *text, apr_size_t length)
{
    apr_size_t skip = length >= 3 && memcmp(text, EG_UTF8_BOM, 3) == 0 ? 3 : 0;

    csv->at = text + skip;
    csv->end = text + length;
    csv->line = 1;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Over one line end. */
static void end_line(eg_csv *csv)
{
    csv->at += csv->at + 1 < csv->end && csv->at[0] == '\r' && csv->at[1] == '\n' ? 2 : 1;
    csv->line++;
}

static void skip_blanks(eg_csv *csv)
{
    while (csv->at < csv->end && is_blank(*csv->at)) {
        csv->at++;
    }
}

static void skip_blank_lines(eg_csv *csv)
{
    for (;;) {
        eg_csv from = *csv;

        skip_blanks(csv);
        if (csv->at == csv->end || !is_line_end(*csv->at)) {
            *csv = from;
            return;
        }
        end_line(csv);
    }
}

/* Up to a comma or a line end. @return NULL when it is too long */
static const char *read_plain(eg_csv *csv, apr_pool_t *pool)
{
    const char *start = csv->at, *stop;

    while (csv->at < csv->end && *csv->at != ',' && !is_line_end(*csv->at)) {
        if (csv->at++ - start == EG_CSV_FIELD_MAX) {
            return NULL;
        }
    }
    for (stop = csv->at; stop > start && is_blank(stop[-1]); stop--) {
    }
    return apr_pstrmemdup(pool, start, (apr_size_t)(stop - start));
}

/* Behind the first quotation mark. Two of them are one. @return NULL when it is too long, or not closed */
static const char *read_quoted(eg_csv *csv, apr_pool_t *pool)
{
    char content[EG_CSV_FIELD_MAX];
    const char *start = csv->at;
    apr_size_t length = 0;

    while (csv->at < csv->end && csv->at - start < EG_CSV_FIELD_MAX) {
        if (*csv->at == '"' && (csv->at + 1 == csv->end || csv->at[1] != '"')) {
            csv->at++;
            return apr_pstrmemdup(pool, content, length);
        }
        csv->at += *csv->at == '"';
        content[length++] = *csv->at;
        if (is_line_end(*csv->at)) {
            end_line(csv);
        }
        else {
            csv->at++;
        }
    }
    return NULL;
}

static const char *read_field(const char **problem, eg_csv *csv, apr_pool_t *pool)
{
    const char *field;

    skip_blanks(csv);
    if (csv->at == csv->end || *csv->at != '"') {
        field = read_plain(csv, pool);
        *problem = field == NULL ? "a field is too long" : NULL;
        return field;
    }
    csv->at++;
    field = read_quoted(csv, pool);
    skip_blanks(csv);
    *problem = field == NULL ? "a quotation mark is not closed, or the field is too long"
               : csv->at < csv->end && *csv->at != ',' && !is_line_end(*csv->at)
                   ? "something stands behind the closing quotation mark"
                   : NULL;
    return field;
}

/* To the line behind the one in which a record begins that cannot be read. */
static void give_up(eg_csv *csv, const eg_csv *start)
{
    *csv = *start;
    while (csv->at < csv->end && !is_line_end(*csv->at)) {
        csv->at++;
    }
}

int eg_csv_next(eg_csv_record *record, eg_csv *csv, apr_pool_t *pool)
{
    eg_csv start;

    skip_blank_lines(csv);
    start = *csv;
    *record = (eg_csv_record){ .line = csv->line };
    if (csv->at == csv->end) {
        return 0;
    }
    for (;;) {
        const char *field = read_field(&record->problem, csv, pool);

        if (record->problem != NULL) {
            give_up(csv, &start);
            break;
        }
        if (record->count < EG_CSV_FIELDS_MAX) {
            record->fields[record->count++] = field;
        }
        if (csv->at == csv->end || *csv->at != ',') {
            break;
        }
        csv->at++;
    }
    if (csv->at < csv->end) {
        end_line(csv);
    }
    return 1;
}
