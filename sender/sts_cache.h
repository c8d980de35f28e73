/*
 * What is known of the MTA-STS of domains, and of which it is time to look
 * again. Data only: no clock, no lock, no network of its own.
 *
 * A policy holds for its max_age, whatever becomes of the domain's DNS and policy
 * host meanwhile (RFC 8461 sections 3.3 and 5.1); nobody must be able to talk a
 * sender out of it. When all is full, what has no policy gives way first, and of
 * each kind what was asked for longest ago.
 */
#ifndef EGS_STS_CACHE_H
#define EGS_STS_CACHE_H

#include "sts_fetch.h"

typedef enum {
    EGS_STS_NONE,   /* no policy, or one of mode none: deliver as ever */
    EGS_STS_POLICY, /* testing or enforce */
    EGS_STS_PENDING /* not known yet: being looked up for the first time, or after its policy was over */
} egs_sts_state;

/** What an answer has changed. */
typedef enum {
    EGS_STS_SAME,
    EGS_STS_NEW,     /* there was no policy before */
    EGS_STS_CHANGED, /* another one than before */
    EGS_STS_LOST     /* it is over, and no other could be had */
} egs_sts_change;

/** A policy that was kept elsewhere. */
typedef struct {
    const char *id;
    egs_sts_policy policy;
    apr_interval_time_t age;  /* since it was fetched */
    apr_interval_time_t left; /* until it is over */
} egs_sts_kept;

typedef struct egs_sts_cache egs_sts_cache;

/** @param domains_max  how many it holds @param bytes_max  of policies */
egs_sts_cache *egs_sts_cache_new(int domains_max, apr_size_t bytes_max, apr_pool_t *pool);

/**
 * What holds for a domain now.
 * @param due  set to 1 when it has just begun to wait for a look, else to 0
 * @param domain  A-labels in lower case
 * @param policy  set for EGS_STS_POLICY, a copy in pool
 */
egs_sts_state egs_sts_cache_find(egs_sts_cache *cache, int *due, const char *domain, egs_sts_policy *policy,
                                 apr_time_t now, apr_pool_t *pool);

/**
 * Those that wait longest, to be looked up; each is answered later, once.
 * @param lookups  room for most of them
 * @return how many
 */
int egs_sts_cache_take(egs_sts_cache *cache, egs_sts_lookup *lookups, int most, apr_time_t now,
                       apr_pool_t *pool);

/** Has it no policy of this domain, be it of mode none? */
int egs_sts_cache_lacks(egs_sts_cache *cache, const char *domain, apr_time_t now);

/** Take a policy over that was kept elsewhere; the lookup's known_id follows. */
void egs_sts_cache_keep(egs_sts_cache *cache, egs_sts_lookup *lookup, const egs_sts_kept *kept,
                        apr_time_t now);

/** What came of a look. @param interval  until the next one */
egs_sts_change egs_sts_cache_answer(egs_sts_cache *cache, const egs_sts_lookup *lookup,
                                    apr_interval_time_t interval, apr_time_t now);

#endif
