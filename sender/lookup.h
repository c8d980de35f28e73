/*
 * DNS questions of one thread that does not wait for their answers.
 */
#ifndef EGS_LOOKUP_H
#define EGS_LOOKUP_H

#include "dns.h"

typedef struct egs_lookup egs_lookup;

/**
 * @param resolver  stays as long; its timeout is for each question
 * @param pool  closed with it: questions that are open then get no answer
 */
apr_status_t egs_lookup_open(egs_lookup **lookup, const eg_dns_resolver *resolver, apr_pool_t *pool);

/**
 * Ask. Both question and pool stay until it is answered.
 * @param done  called once, perhaps before this returns: the answer is in the question
 * @param pool  of the answer
 */
void egs_lookup_ask(egs_lookup *lookup, eg_dns_question *question, void (*done)(void *baton), void *baton,
                    apr_pool_t *pool);

/** A descriptor that can be read when there is something to work on. */
int egs_lookup_descriptor(const egs_lookup *lookup);

/** How long it may be before the next egs_lookup_work, at most limit. */
apr_interval_time_t egs_lookup_wait(const egs_lookup *lookup, apr_interval_time_t limit);

/** Take what has come, and give up what has waited too long. Does not wait. */
void egs_lookup_work(egs_lookup *lookup);

#endif
