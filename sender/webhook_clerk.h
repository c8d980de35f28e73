/*
 * A thread with a connection to the database that makes calls for another one,
 * which goes on meanwhile. One piece of work at a time.
 */
#ifndef EGS_WEBHOOK_CLERK_H
#define EGS_WEBHOOK_CLERK_H

#include "db.h"

typedef struct egs_clerk egs_clerk;

/** What is to be done. @param db  its pool is cleared when the work has ended */
typedef apr_status_t egs_clerk_work(eg_db *db, void *baton);

/**
 * @param log  copied
 * @param done  called on the clerk's thread when work has ended
 * @param pool  its allocator must have a mutex
 */
apr_status_t egs_clerk_start(egs_clerk **clerk, const char *dsn, const eg_log *log, void (*done)(void *baton),
                             void *baton, apr_pool_t *pool);

/** To be given only when there is none. The baton is the clerk's until the work has ended. */
void egs_clerk_ask(egs_clerk *clerk, egs_clerk_work *work, void *baton, eg_log_level level);

/** Is there work that has not been answered? */
int egs_clerk_is_busy(const egs_clerk *clerk);

/**
 * Take the answer, when work has ended.
 * @param rv  what the work returned
 * @return is there one? Then there is no more work.
 */
int egs_clerk_answered(apr_status_t *rv, egs_clerk *clerk);

/** End the thread, after the work that it is at. */
void egs_clerk_stop(egs_clerk *clerk);

#endif
