/*
 * Ways for a rendered message to leave.
 *
 * A thread opens a carrier of the transport, begins jobs on it while there is
 * room, lets it work, and takes the finished ones back. Begun jobs end in any
 * order; none of them keeps the others waiting.
 */
#ifndef EGS_TRANSPORT_H
#define EGS_TRANSPORT_H

#include "job.h"

/** A transport's reading of the options. Each transport has its own. */
typedef struct egs_plan egs_plan;

/** What one thread does with a transport. Each transport has its own. */
typedef struct egs_carrier egs_carrier;

typedef struct {
    const char *name; /* as the option transport has it, up to a colon */
    /**
     * Can it work with these options?
     * @param plan  lives as long as the options
     * @param problem  if not: a sentence for the operator
     */
    apr_status_t (*prepare)(const egs_plan **plan, const char **problem, const egs_options *options,
                            apr_pool_t *pool);
    /** Closed with the pool; what is running then ends without an outcome. */
    apr_status_t (*open)(egs_carrier **carrier, const eg_log *log, apr_pool_t *pool);
    /** How many jobs like this one could begin now. @param job  NULL: of any kind */
    int (*room)(egs_carrier *carrier, const egs_plan *plan, const egs_job *job);
    /**
     * Begin one attempt, rendered: at its end job->outcome is set but for what
     * policy decides. Both plan and job stay until then.
     */
    void (*begin)(egs_carrier *carrier, const egs_plan *plan, egs_job *job);
    /**
     * Go on with what runs. Waits for something to happen, no longer than wait.
     * @param places  how many of those that wait may get under way
     */
    void (*work)(egs_carrier *carrier, int places, apr_interval_time_t wait);
    /** How many have begun and are not under way: they take no place. NULL: there never are any. */
    int (*waiting)(const egs_carrier *carrier);
    /** All that wait end now, released. NULL where none do. */
    void (*recall)(egs_carrier *carrier);
    /** A job whose attempt is over, once; NULL when there is none. */
    egs_job *(*finished)(egs_carrier *carrier);
    /** Lanes (of egs_hold) that claims pass over for now. NULL: there never are any. */
    const apr_array_header_t *(*held)(apr_pool_t *pool);
    /**
     * Make what was delivered so far survive a crash, before it is recorded as delivered.
     * NULL: what another server has taken is its business.
     */
    apr_status_t (*sync)(egs_carrier *carrier, const egs_plan *plan);
    /** Have work end when this file can be read, too. NULL where work never waits. */
    apr_status_t (*watch)(egs_carrier *carrier, int fd);
} egs_transport;

extern const egs_transport egs_transport_outbox, egs_transport_relay, egs_transport_mx;

/**
 * The transport that the options name, ready to work.
 * @param problem  on APR_EINVAL: a sentence for the operator
 */
apr_status_t egs_transport_choose(const egs_transport **transport, const egs_plan **plan,
                                  const char **problem, const egs_options *options, apr_pool_t *pool);

#endif
