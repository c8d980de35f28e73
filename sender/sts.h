/*
 * MTA-STS of recipients' domains (RFC 8461) for the whole process: asked for by
 * any thread, looked up on threads of its own.
 *
 * Policies are kept for their max_age, in memory and in the database. A domain
 * that mails go to is looked at again every sts_interval: another id of its record
 * brings another policy, and so does an age of a day or of half its max_age. Where
 * nothing can be had the former policy holds until it is over.
 */
#ifndef EGS_STS_H
#define EGS_STS_H

#include "control.h"
#include "sts_cache.h"

typedef struct egs_sts egs_sts;

/** Once a process, before its threads and after eg_dns_start; undone with the pool. */
apr_status_t egs_sts_start(apr_pool_t *pool);

/** The one that egs_sts_start has made; NULL before. */
egs_sts *egs_sts_of_process(void);

/**
 * What holds for a domain. Never waits. A look is over within twice
 * resolver_timeout and sts_timeout from its beginning; each thread makes 64 at a time,
 * of one organisational domain both together 8.
 * @param domain  A-labels in lower case, as eg_hostname_parse gives them
 * @param policy  set for EGS_STS_POLICY, a copy in pool
 * @param patience  when a look is not over so long after it was asked for, there is no
 *        policy for now, unless one is stored (RFC 8461 section 5: a policy that cannot
 *        be had holds up no mail)
 * @return EGS_STS_PENDING: ask again when there are answers, and after some time; EGS_STS_CROWDED:
 *         only after some time
 */
egs_sts_state egs_sts_find(egs_sts *sts, const char *domain, egs_sts_policy *policy,
                           apr_interval_time_t patience, apr_pool_t *pool);

/**
 * Call notify whenever a pending domain was answered, until the pool is cleared:
 * from another thread, which holds a lock meanwhile. It is to write to an eventfd
 * or the like, and calls nothing of here.
 */
void egs_sts_on_answer(egs_sts *sts, void (*notify)(void *baton), void *baton, apr_pool_t *pool);

/**
 * Look up what is asked for, until the sender is to stop. To be called on
 * one or more threads of its own.
 * @param dsn  for the connection of this thread
 */
void egs_sts_run(egs_control *control, const char *dsn);

#endif
