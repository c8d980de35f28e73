/*
 * CSV (RFC 4180) that a spreadsheet opens as the text that it is.
 */
#include "csvwrite.h"

#include <string.h>

/* Would a spreadsheet take it for a formula? Some pass over blanks and quotation marks to see that. */
static int is_formula(const char *cell)
{
    cell += strspn(cell, " \n\"'");
    return *cell != '\0' && strchr("=+-@\t\r", *cell) != NULL;
}

/* Blanks at either end are lost on some readers where no quotation marks keep them; a tab at the beginning has a ' before it. */
static int must_quote(const char *cell)
{
    apr_size_t length = strlen(cell);

    return cell[strcspn(cell, ",\"\r\n")] != '\0' ||
           (length > 0 && (cell[0] == ' ' || cell[length - 1] == ' ' || cell[length - 1] == '\t'));
}

static char *put_quoted(char *out, const char *cell)
{
    for (; *cell != '\0'; cell++) {
        if (*cell == '"') {
            *out++ = '"';
        }
        *out++ = *cell;
    }
    return out;
}

static char *put_cell(char *out, const char *cell)
{
    int quoted = must_quote(cell);

    if (quoted) {
        *out++ = '"';
    }
    if (is_formula(cell)) {
        *out++ = '\'';
    }
    out = put_quoted(out, cell);
    if (quoted) {
        *out++ = '"';
    }
    return out;
}

const char *eg_csv_rows(apr_size_t *size, const char *const *cells, apr_size_t count, apr_size_t columns,
                        apr_pool_t *pool)
{
    apr_size_t most = 1; /* each byte twice, and what stands around a cell: two quotation marks, a ', CRLF */
    char *rows, *out;

    for (apr_size_t i = 0; i < count; i++) {
        most += 5 + (cells[i] != NULL ? 2 * strlen(cells[i]) : 0);
    }
    rows = out = apr_palloc(pool, most);
    for (apr_size_t i = 0; i < count; i++) {
        out = put_cell(out, cells[i] != NULL ? cells[i] : "");
        if (i % columns < columns - 1) {
            *out++ = ',';
        }
        else {
            *out++ = '\r';
            *out++ = '\n';
        }
    }
    *size = (apr_size_t)(out - rows);
    return rows;
}
