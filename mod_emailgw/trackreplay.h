/*
 * What waited in the spool, into the database.
 */
#ifndef EG_TRACKREPLAY_H
#define EG_TRACKREPLAY_H

#include "db.h"

/** Lines of mails that a database does not have, as they came. */
typedef struct {
    const char *text;
    apr_size_t length;
    int count, unsubscribes; /* lines, and how many of them are such */
} eg_trackunknown;

/**
 * Record lines that eg_trackevent_line has made. May be repeated.
 * @param unknown  made in the pool
 * @param text  whole lines
 * @return APR_EINVAL when some are none, or were refused, and all others are recorded;
 *         else what eg_db_call answered, and the rest was not tried
 */
apr_status_t eg_trackreplay(eg_trackunknown *unknown, const char *text, apr_size_t length, eg_db *db,
                            apr_pool_t *pool);

#endif
