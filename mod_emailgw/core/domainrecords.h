/*
 * The DNS records that a sender domain's owner publishes, and whether what DNS
 * has in their place will do. Pure: nothing is looked up here.
 */
#ifndef EG_DOMAINRECORDS_H
#define EG_DOMAINRECORDS_H

#include "dns.h"

/** What is stored of a domain and decides its records: the values it was given when they were made. */
typedef struct {
    const char *name, *ownership_token, *dkim_selector, *dkim_record, *subdomain;
    const char *mail_host;     /* MX and SPF of the return path name it; "": no return path */
    const char *tracking_host; /* what the tracking host is an alias for; "": no such host */
    const char *tracking_url;  /* what tracked links begin with; NULL: nothing is tracked */
} eg_domainfacts;

typedef enum {
    EG_RECORD_OWNERSHIP,
    EG_RECORD_DKIM,
    EG_RECORD_RETURN_PATH,
    EG_RECORD_SPF,
    EG_RECORD_TRACKING,
    EG_RECORD_DMARC
} eg_record_purpose;

#define EG_RECORDS_MAX (EG_RECORD_DMARC + 1)

typedef enum {
    EG_RECORD_UNKNOWN, /* not looked up yet, or nobody could say */
    EG_RECORD_HOLDS,
    EG_RECORD_FAILS
} eg_record_state;

typedef struct {
    eg_record_purpose purpose;
    const char *host;
    eg_dns_type type;
    const char *value; /* plain: a TXT record's strings joined, no quotes; MX as "10 host" */
    int required;      /* for the domain to be enabled */

    /* What was found in its place. */
    eg_record_state state;
    const char *found;  /* valid UTF-8 of printable characters; "" for nothing */
    const char *reason; /* why it does not hold; "temporary: ..." where nobody could say; else "" */
} eg_domainrecord;

/** The domain's records, not looked up yet. @return how many there are */
int eg_domainrecords_make(eg_domainrecord records[EG_RECORDS_MAX], const eg_domainfacts *facts,
                          apr_pool_t *pool);

/** The record of the DKIM key alone, not looked up yet: by name, dkim_selector and dkim_record of the facts. */
eg_domainrecord eg_domainrecord_of_key(const eg_domainfacts *facts, apr_pool_t *pool);

/**
 * Set state, found and reason of a record by the answers to its questions.
 * @param answers  one for the record itself; of DMARC a second one may follow, for
 *        the organisational domain (RFC 7489 section 6.6.3)
 */
void eg_domainrecord_judge(eg_domainrecord *record, const eg_domainfacts *facts,
                           const eg_dns_question *answers, int count, apr_pool_t *pool);

/** All required records together: they hold, one fails, or neither is known. */
eg_record_state eg_domainrecords_outcome(const eg_domainrecord *records, int count);

/** "ownership", "DKIM", "return path", "SPF", "tracking", "DMARC". */
const char *eg_record_purpose_name(eg_record_purpose purpose);

#endif
