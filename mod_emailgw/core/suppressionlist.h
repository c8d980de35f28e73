/*
 * Addresses that get nothing more, as a CSV text lists them. Pure.
 *
 * A record is an address and, if it likes, a reason. A first record that names its
 * columns says where they are: address, email ... and reason, in any letter case.
 */
#ifndef EG_SUPPRESSIONLIST_H
#define EG_SUPPRESSIONLIST_H

#include "csv.h"

#define EG_SUPPRESSION_REASON_MAX 255 /* bytes */

typedef struct {
    eg_csv csv;
    int address_column, reason_column; /* from 0 on; reason_column may be one that no record has */
    int begun;
} eg_suppressionlist;

typedef struct {
    int line;
    const char *address; /* as eg_mailbox_parse keeps it; NULL where the record is none: see problem */
    const char *reason;  /* one line of UTF-8; NULL where none is given */
    const char *problem; /* a sentence */
} eg_suppressionlist_entry;

/** @param text  valid UTF-8 without NUL; stays the caller's */
void eg_suppressionlist_open(eg_suppressionlist *list, const char *text, apr_size_t length);

/** @return 0 at the end */
int eg_suppressionlist_next(eg_suppressionlist_entry *entry, eg_suppressionlist *list, apr_pool_t *pool);

/** Will it do as a reason: 1 to EG_SUPPRESSION_REASON_MAX bytes without control characters? */
int eg_suppressionlist_is_reason(const char *text);

#endif
