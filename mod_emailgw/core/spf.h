/*
 * SPF records (RFC 7208), as far as they can be judged without asking further.
 */
#ifndef EG_SPF_H
#define EG_SPF_H

#include "eg.h"

/** Is this TXT record one of SPF at all (section 4.5)? */
int eg_spf_is_record(const char *text, apr_size_t length);

/**
 * Does the record let the servers through that another host's record names?
 * @param include  that host, as in "include:mail.example.net"
 * @return NULL when it does, else a sentence that says why not: include is missing,
 *         comes behind "all", has another qualifier than "+"; or the record is an
 *         error for every receiver: syntax, over ten terms that cause look-ups
 */
const char *eg_spf_problem(const char *text, apr_size_t length, const char *include, apr_pool_t *pool);

#endif
