/*
 * What the options say of all SMTP servers that the sender talks to.
 */
#ifndef EGS_SMTP_PEER_H
#define EGS_SMTP_PEER_H

#include "smtp.h"

/**
 * The name under which this machine can be found (RFC 5321 section 4.1.1.1).
 * @param problem  on APR_EINVAL: a sentence for the operator
 */
apr_status_t egs_peer_read_name(const char **name, const char **problem, const egs_options *options,
                                apr_pool_t *pool);

void egs_peer_set_timeouts(egs_smtp_peer *peer, const egs_options *options);

#endif
