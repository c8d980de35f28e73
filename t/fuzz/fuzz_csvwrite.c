/* eg_csv_rows: what is written is read back as it was, and no cell is a formula. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "csv.h"
#include "csvwrite.h"
#include "target.h"
#include "utf8.h"

#define CELLS_MAX 256
#define CELL_END '\x1e'

/* As spreadsheets look for one, who pass over blanks, line feeds and quotation marks. */
static int is_formula(const char *cell)
{
    const char *first = cell + strspn(cell, " \n\"'");

    return *cell != '\'' && *first != '\0' && strchr("=+-@\t\r", *first) != NULL;
}

/* The reader takes CRLF for one character. */
static int is_same(const char *found, const char *given)
{
    for (; *given != '\0' && *found == *given; given++, found++) {
        given += given[0] == '\r' && given[1] == '\n';
    }
    return *found == '\0' && *given == '\0';
}

static void must_be_cell(const char *found, const char *given)
{
    must(!is_formula(found));
    must(is_same(found, given) || (found[0] == '\'' && is_same(found + 1, given)));
}

static int is_empty_row(const char *const *row, int columns)
{
    return columns == 1 && row[0][0] == '\0'; /* an empty line is no record */
}

static void check(const char *rows, apr_size_t size, const char *const *cells, int count, int columns,
                  apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, EG_UTF8_BOM, apr_pstrmemdup(pool, rows, size), NULL);
    eg_csv_record record;
    eg_csv csv;

    eg_csv_open(&csv, text, strlen(text));
    for (int at = 0; at < count; at += columns) {
        if (is_empty_row(cells + at, columns)) {
            continue;
        }
        must(eg_csv_next(&record, &csv, pool) && record.problem == NULL && record.count == columns);
        for (int i = 0; i < columns; i++) {
            must_be_cell(record.fields[i], cells[at + i]);
        }
    }
    must(!eg_csv_next(&record, &csv, pool));
}

/* The first byte says how many columns; the cells are what stands between CELL_ENDs, cut to what the reader takes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *cells[CELLS_MAX], *text, *rows;
    int columns = size > 0 ? 1 + data[0] % 8 : 1, count = 0;
    apr_size_t length;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    text = apr_pstrmemdup(pool, (const char *)data + (size > 0), size - (size > 0));
    while (count < CELLS_MAX) {
        apr_size_t cell = strcspn(text, (char[]){ CELL_END, '\0' });

        cells[count++] =
            apr_pstrmemdup(pool, text, cell < EG_CSV_FIELD_MAX / 2 - 3 ? cell : EG_CSV_FIELD_MAX / 2 - 3);
        if (text[cell] == '\0') {
            break;
        }
        text += cell + 1;
    }
    count -= count % columns;
    rows = eg_csv_rows(&length, cells, (apr_size_t)count, (apr_size_t)columns, pool);
    must(strnlen(rows, length) == length);
    check(rows, length, cells, count, columns, pool);
    apr_pool_destroy(pool);
    return 0;
}
