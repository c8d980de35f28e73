/*
 * CSV (RFC 4180) that a spreadsheet opens as the text that it is: no cell is taken for
 * a formula.
 */
#ifndef EG_CSVWRITE_H
#define EG_CSVWRITE_H

#include "eg.h"

/**
 * Rows of as many cells each, every row with CRLF behind it. A cell that begins with
 * = + - @, tab or CR, also behind blanks and quotation marks, gets a ' before it.
 * Commas, quotation marks, CR and LF in cells are kept, between quotation marks.
 * @param cells  UTF-8, row after row; NULL is an empty cell
 * @param count  how many cells in all: a multiple of columns
 * @param size  bytes of what is returned
 */
const char *eg_csv_rows(apr_size_t *size, const char *const *cells, apr_size_t count, apr_size_t columns,
                        apr_pool_t *pool);

#endif
