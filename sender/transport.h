/*
 * Ways for a rendered message to leave.
 */
#ifndef EGS_TRANSPORT_H
#define EGS_TRANSPORT_H

#include "job.h"

typedef struct {
    const char *name; /* as the option transport has it, up to a colon */
    /** Can it work with these options? @param problem  if not: a sentence for the operator */
    apr_status_t (*check)(const char **problem, const egs_options *options, apr_pool_t *pool);
    /** One attempt: sets job->outcome. */
    void (*deliver)(egs_job *job, const egs_options *options, const eg_log *log, apr_pool_t *pool);
    /** Make what was delivered so far survive a crash, before it is recorded as delivered. */
    apr_status_t (*sync)(const egs_options *options, const eg_log *log);
} egs_transport;

extern const egs_transport egs_transport_outbox;

/**
 * The transport that the options name, ready to work.
 * @param problem  on APR_EINVAL: a sentence for the operator
 */
apr_status_t egs_transport_choose(const egs_transport **transport, const char **problem,
                                  const egs_options *options, apr_pool_t *pool);

#endif
