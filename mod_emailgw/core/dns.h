/*
 * DNS questions, all asked at once, under one deadline (c-ares).
 *
 * Each call has a channel of its own and blocks until all is answered or the
 * deadline is over, so that any thread may make one. What a name has, that it
 * has nothing, and that nobody could say so are three different results: only
 * the first two are facts about the name.
 */
#ifndef EG_DNS_H
#define EG_DNS_H

#include <apr_tables.h>

#include "eg.h"

#define EG_DNS_TIMEOUT_DEFAULT apr_time_from_sec(5)

/* Values are those of the protocol (RFC 1035 section 3.2.2, RFC 3596 section 2.1). */
typedef enum {
    EG_DNS_A = 1,
    EG_DNS_CNAME = 5,
    EG_DNS_MX = 15,
    EG_DNS_TXT = 16,
    EG_DNS_AAAA = 28
} eg_dns_type;

typedef enum {
    EG_DNS_FOUND,
    EG_DNS_NO_DATA,  /* the name is there, without records of this type */
    EG_DNS_NO_NAME,  /* there is no such name */
    EG_DNS_TEMPORARY /* unknown: no answer, or none that can be used */
} eg_dns_result;

typedef struct {
    const char
        *text; /* address; host without its trailing dot, "." for the root; a TXT record's strings, joined */
    apr_size_t length; /* of text, in whose middle a TXT record may have any byte, NUL as well */
    int preference;    /* of MX */
} eg_dns_record;

typedef struct {
    const char *name;
    eg_dns_type type;

    /* The answer. */
    eg_dns_result result;
    const char *reason;                /* why TEMPORARY, for people; else NULL */
    const apr_array_header_t *records; /* of eg_dns_record, in the order given; NULL when not FOUND */
} eg_dns_question;

typedef struct {
    const apr_array_header_t *servers; /* of eg_netaddr; NULL or empty: those of /etc/resolv.conf */
    apr_interval_time_t timeout;       /* for all questions of a call together */
} eg_dns_resolver;

/** Once a process, before its threads; undone with the pool. */
apr_status_t eg_dns_start(apr_pool_t *pool);

/** Ask all. Records are of the name or of what it is an alias for (CNAME), but for questions for CNAME itself. */
void eg_dns_ask(eg_dns_question *questions, int count, const eg_dns_resolver *resolver, apr_pool_t *pool);

/** "TXT", "MX" ... */
const char *eg_dns_type_name(eg_dns_type type);

#endif
