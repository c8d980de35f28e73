/*
 * MTA-STS as text (RFC 8461): the TXT record that says that a domain has a
 * policy, the policy itself, and whether it allows a mail server. Pure.
 */
#ifndef EGS_STS_POLICY_H
#define EGS_STS_POLICY_H

#include <apr_tables.h>

#include "eg.h"

#define EGS_STS_SIZE_MAX (64 * 1024) /* bytes of a policy that are read (RFC 8461 section 3.3) */
#define EGS_STS_ID_MAX 32            /* characters of a record's id */

typedef enum {
    EGS_STS_MODE_NONE,
    EGS_STS_MODE_TESTING, /* failures are of interest to the domain, and no reason not to deliver */
    EGS_STS_MODE_ENFORCE  /* no delivery but to a host that is allowed, with a certificate that holds */
} egs_sts_mode;

typedef struct {
    egs_sts_mode mode;
    apr_interval_time_t max_age;  /* 0 to 31557600 s, from when it was fetched */
    const apr_array_header_t *mx; /* of const char *: lower-case A-labels, "*." before them for a wildcard */
} egs_sts_policy;

/** "none", "testing", "enforce". */
const char *egs_sts_mode_name(egs_sts_mode mode);

/** @return APR_EINVAL */
apr_status_t egs_sts_mode_parse(egs_sts_mode *mode, const char *name);

/**
 * The id that the TXT records of _mta-sts.<domain> give (RFC 8461 section 3.1):
 * exactly one of them is for MTA-STS, and it is well formed. Others do not count.
 * @param records  of eg_dns_record
 * @param problem  on APR_EINVAL: a sentence without its end, such as "2 MTA-STS records"
 * @return APR_NOTFOUND when none of them is for MTA-STS
 */
apr_status_t egs_sts_record_parse(const char **id, const char **problem, const apr_array_header_t *records,
                                  apr_pool_t *pool);

/**
 * A policy as it was fetched (RFC 8461 section 3.2). Lines end with LF or CRLF; of
 * a field other than mx that stands twice the first counts; unknown fields do not.
 * @param problem  on APR_EINVAL: why, as above
 */
apr_status_t egs_sts_policy_parse(egs_sts_policy *policy, const char **problem, const char *text,
                                  apr_size_t length, apr_pool_t *pool);

/**
 * Is the host one of the policy's (RFC 8461 section 4.1)? A wildcard stands for
 * exactly one label.
 * @param host  A-labels in any letter case, with or without a trailing dot
 */
int egs_sts_allows(const egs_sts_policy *policy, const char *host);

#endif
