/*
 * MTA-STS policies looked up in DNS and fetched by HTTPS (RFC 8461 sections 3.1
 * and 3.3), many at a time. Knows of no cache.
 */
#ifndef EGS_STS_FETCH_H
#define EGS_STS_FETCH_H

#include "options.h"
#include "sts_policy.h"

typedef enum {
    EGS_STS_OPEN,      /* not looked up yet */
    EGS_STS_FETCHED,   /* there is a policy: id and policy are set */
    EGS_STS_UNCHANGED, /* the record has the id that is known: nothing was fetched */
    EGS_STS_ABSENT,    /* the domain has none, by its DNS */
    EGS_STS_UNKNOWN,   /* DNS gave no answer that can be used */
    EGS_STS_FAILED     /* there is a record, and no policy could be fetched: id is set */
} egs_sts_outcome;

/** One domain. */
typedef struct {
    apr_pool_t *pool;     /* what is found lives there */
    const char *domain;   /* A-labels */
    const char *known_id; /* with this id nothing is to be fetched; NULL: fetch in any case */
    egs_sts_outcome outcome;
    const char *id;        /* of the record; NULL where there is none */
    egs_sts_policy policy; /* when it was fetched */
    const char *problem;   /* what to tell people when there is no policy; else NULL */
} egs_sts_lookup;

/** Whom to ask while it lasts. */
typedef struct {
    /** The next one to look up, asked for whenever there is room; NULL: none just now. */
    egs_sts_lookup *(*next)(void *baton);
    /** A lookup is over, and is not touched any more: its pool may go. */
    void (*done)(void *baton, egs_sts_lookup *lookup);
    /** Leave off? What is not done then stays so. */
    int (*stopping)(void *baton);
    void *baton;
} egs_sts_observer;

/** Once a process, before its threads, beside eg_dns_start; undone with the pool. */
apr_status_t egs_sts_fetch_start(apr_pool_t *pool);

/**
 * Look up what the observer has, 64 at a time, until it has no more. Each takes twice
 * resolver_timeout and sts_timeout at most, and waits for no other.
 * @param pool  the lookups' own are below it
 * @return of c-ares or libcurl, which could not be started: nothing was asked for then
 */
apr_status_t egs_sts_fetch(const egs_options *options, const egs_sts_observer *observer, apr_pool_t *pool);

/** "https://mta-sts.example.com/.well-known/mta-sts.txt", with the port where it is another. */
const char *egs_sts_url(const char *domain, const egs_options *options, apr_pool_t *pool);

#endif
