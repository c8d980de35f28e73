/*
 * What is known of the MTA-STS of domains, and of which it is time to look
 * again. Data only: no clock, no lock, no network of its own.
 *
 * A policy holds for its max_age, whatever becomes of the domain's DNS and policy
 * host meanwhile (RFC 8461 sections 3.3 and 5.1); nobody must be able to talk a
 * sender out of it. When all is full, what has no policy gives way first, and of
 * each kind what was asked for longest ago. No organisational domain can have so many
 * names looked up that others' have to wait for all of them.
 */
#ifndef EGS_STS_CACHE_H
#define EGS_STS_CACHE_H

#include "sts_fetch.h"

typedef enum {
    EGS_STS_NONE,    /* no policy, or one of mode none: deliver as ever */
    EGS_STS_POLICY,  /* testing or enforce */
    EGS_STS_PENDING, /* not known yet: being looked up for the first time, or after its policy was over */
    EGS_STS_CROWDED  /* not known, nor looked up: too many names are, or of its organisation */
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
 * @param patience  a look is waited for so long at most, but for what may be stored
 */
egs_sts_state egs_sts_cache_find(egs_sts_cache *cache, int *due, const char *domain, egs_sts_policy *policy,
                                 apr_interval_time_t patience, apr_time_t now, apr_pool_t *pool);

/** Is there something to be read or to be looked up? */
int egs_sts_cache_is_wanted(const egs_sts_cache *cache);

/**
 * Those of which it is to be read, before they are looked up, whether a policy of theirs
 * is stored; each is told of by egs_sts_cache_read or given back by egs_sts_cache_reread.
 * @param domains  room for most of them @param pool  of the names
 * @return how many
 */
int egs_sts_cache_unread(egs_sts_cache *cache, const char **domains, int most, apr_pool_t *pool);

/** @param kept  what is stored of it, which is taken over; NULL: nothing */
void egs_sts_cache_read(egs_sts_cache *cache, const char *domain, const egs_sts_kept *kept, apr_time_t now);

/** Nobody could say: it is to be read later. */
void egs_sts_cache_reread(egs_sts_cache *cache, const char *domain);

/**
 * One to be looked up, and answered later, once. Organisational domains take turns, and each has
 * a few looked up at a time, however many of its names are asked for.
 * @param pool  parent of the lookup's own
 * @return NULL when there is none
 */
egs_sts_lookup *egs_sts_cache_take(egs_sts_cache *cache, apr_time_t now, apr_pool_t *pool);

/** What came of a look. @param interval  until the next one */
egs_sts_change egs_sts_cache_answer(egs_sts_cache *cache, const egs_sts_lookup *lookup,
                                    apr_interval_time_t interval, apr_time_t now);

#endif
