/*
 * The transport mx's reading of the options, and what all threads share of it.
 */
#ifndef EGS_MX_PLAN_H
#define EGS_MX_PLAN_H

#include "destination.h"
#include "dns.h"
#include "smtp.h"
#include "transport.h"

struct egs_plan {
    egs_smtp_peer peer; /* what all have in common */
    int may_be_private;
    eg_dns_resolver resolver;
    apr_interval_time_t policy_patience; /* a look at a domain's MTA-STS is waited for so long */
    int connections;                     /* of a thread: mails under way at a time */
    int waiting_max; /* of one thread's mails that wait for DNS and policies, and that wait for places */
    const egs_shape *shapes; /* the operator's, ours, and one for all others */
    egs_destinations *destinations;
};

/** As egs_transport has it. */
apr_status_t egs_mx_prepare(const egs_plan **plan, const char **problem, const egs_options *options,
                            apr_pool_t *pool);

#endif
