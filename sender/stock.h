/*
 * What a thread has claimed and not yet told the outcome of: memory and leases.
 *
 * A claim is a batch; its jobs are loaded slice by slice, with the keys that sign them. Memory
 * goes when the last job of a slice, then of its batch, is given back.
 */
#ifndef EGS_STOCK_H
#define EGS_STOCK_H

#include "keyring.h"
#include "control.h"

typedef struct egs_stock egs_stock;

/** @param pool  the thread's */
egs_stock *egs_stock_new(egs_control *control, egs_keyring *keyring, eg_db *db, const eg_log *log,
                         apr_pool_t *pool);

/**
 * Claim up to limit jobs with the settings in force.
 * @param count  how many there were
 */
apr_status_t egs_stock_claim(egs_stock *stock, int *count, int limit);

/** How many jobs are claimed, and neither loaded nor set aside until there is room. */
int egs_stock_unloaded(const egs_stock *stock);

/**
 * Load the next jobs, to the end of the list. None when there is no more, or
 * too much in memory already.
 * @param released  to the end of this one go large ones that have to come again later
 */
apr_status_t egs_stock_load(egs_stock *stock, egs_jobs *waiting, egs_jobs *released);

/** Jobs not loaded will not be: to the end of the list. */
void egs_stock_unload(egs_stock *stock, egs_jobs *released);

/**
 * Renew the leases whose first third is over. Costs nothing when there are none.
 * @param count  of how many the database was asked
 * @param all  the others, too
 */
apr_status_t egs_stock_renew(int *count, egs_stock *stock, int all);

/** When leases may be over, by egs_clock, unless they are renewed before; 0: there are none. */
apr_time_t egs_stock_over_at(const egs_stock *stock);

/** Does the database answer? For who has nothing else to ask it. */
apr_status_t egs_stock_ask(egs_stock *stock);

/** The settings that a job goes by, until it is given back. */
const egs_settings *egs_stock_settings(const egs_job *job);

/** Its outcome is told, or will never be: the job is gone. */
void egs_stock_give_back(egs_stock *stock, egs_job *job);

#endif
