/*
 * MTA-STS policies in the database: what a sender has fetched is known to those
 * that start later.
 */
#ifndef EGS_STS_STORE_H
#define EGS_STS_STORE_H

#include "db.h"
#include "sts_cache.h"

/** A stored policy with its domain. */
typedef struct {
    const char *domain;
    egs_sts_kept kept;
} egs_sts_stored;

/**
 * The policies of these domains that still hold.
 * @param stored  in db's pool
 */
apr_status_t egs_sts_store_get(egs_sts_stored **stored, int *count, eg_db *db, const char *const *domains,
                               int domains_count);

/** Keep the policy of a lookup, where one was fetched, until its max_age. */
apr_status_t egs_sts_store_put(eg_db *db, const egs_sts_lookup *lookup);

#endif
