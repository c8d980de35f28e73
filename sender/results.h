/*
 * Outcomes of a thread's jobs on their way into the database.
 */
#ifndef EGS_RESULTS_H
#define EGS_RESULTS_H

#include "stock.h"

typedef struct egs_results egs_results;

/** @param pool  the thread's */
egs_results *egs_results_new(egs_stock *stock, eg_db *db, const eg_log *log, apr_pool_t *pool);

/** A job whose outcome is known, but for what policy decides. */
void egs_results_add(egs_results *results, egs_job *job);

int egs_results_count(const egs_results *results);

/** When they must be recorded: soon after the first one; 0 when there is none. */
apr_time_t egs_results_due(const egs_results *results);

/**
 * Sync, judge, log and record what there is, then give the jobs back.
 * @param carrier  of the transport that made these outcomes
 * @return why the database did not take them; they stay and can be tried again
 */
apr_status_t egs_results_record(egs_results *results, egs_carrier *carrier);

/** The sender ends and the database took none of them: a line in the log. */
void egs_results_abandon(const egs_results *results);

#endif
