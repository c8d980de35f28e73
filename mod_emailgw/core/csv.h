/*
 * Comma-separated values, read record by record (RFC 4180). Pure.
 *
 * Lines end with CR LF, LF or CR, also within quotation marks; blank lines are none, and
 * a byte order mark at the start is skipped. Each byte is looked at a bounded
 * number of times, whatever is in the text.
 */
#ifndef EG_CSV_H
#define EG_CSV_H

#include "eg.h"

#define EG_CSV_FIELDS_MAX 32  /* of a record: what is beyond is not kept */
#define EG_CSV_FIELD_MAX 1024 /* bytes as they stand in the text, quotation marks included */

typedef struct {
    const char *at, *end;
    int line; /* of at, from 1 on */
} eg_csv;

typedef struct {
    int line;            /* that it begins in */
    const char *problem; /* why it cannot be read: a sentence; NULL where it can */
    int count;
    const char *fields[EG_CSV_FIELDS_MAX]; /* without the blanks around what is not quoted */
} eg_csv_record;

/** @param text  stays the caller's; a NUL is a byte as all others */
void eg_csv_open(eg_csv *csv, const char *text, apr_size_t length);

/**
 * The next record. Behind one that cannot be read it goes on with the line after
 * the one in which that begins.
 * @return 0 at the end of the text
 */
int eg_csv_next(eg_csv_record *record, eg_csv *csv, apr_pool_t *pool);

#endif
