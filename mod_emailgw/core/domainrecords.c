/* The DNS records that a sender domain's owner publishes. */
#include "domainrecords.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_uri.h>

#define RETURN_PATH_PREFERENCE "10"

static const char *const purpose_names[] = { "ownership", "DKIM", "return path", "SPF", "tracking", "DMARC" };

const char *eg_record_purpose_name(eg_record_purpose purpose)
{
    return purpose_names[purpose];
}

/* Do tracked links lead to this host? */
static int is_tracked_at(const char *host, const char *url, apr_pool_t *pool)
{
    apr_uri_t uri;

    return url != NULL && apr_uri_parse(pool, url, &uri) == APR_SUCCESS && uri.hostname != NULL &&
           strcasecmp(uri.hostname, host) == 0;
}

static eg_domainrecord make(eg_record_purpose purpose, const char *host, eg_dns_type type, const char *value)
{
    return (eg_domainrecord){ .purpose = purpose,
                              .host = host,
                              .type = type,
                              .value = value,
                              .required = purpose <= EG_RECORD_SPF,
                              .found = "",
                              .reason = "" };
}

static int add(eg_domainrecord *records, int count, eg_record_purpose purpose, const char *host,
               eg_dns_type type, const char *value)
{
    records[count] = make(purpose, host, type, value);
    return count + 1;
}

eg_domainrecord eg_domainrecord_of_key(const eg_domainfacts *facts, apr_pool_t *pool)
{
    return make(EG_RECORD_DKIM, apr_pstrcat(pool, facts->dkim_selector, "._domainkey.", facts->name, NULL),
                EG_DNS_TXT, facts->dkim_record);
}

int eg_domainrecords_make(eg_domainrecord records[EG_RECORDS_MAX], const eg_domainfacts *facts,
                          apr_pool_t *pool)
{
    const char *below = apr_pstrcat(pool, facts->subdomain, ".", facts->name, NULL);
    const char *tracked = apr_pstrcat(pool, "track-", below, NULL);
    int count = 0;

    count = add(records, count, EG_RECORD_OWNERSHIP, apr_pstrcat(pool, "_emailgw.", facts->name, NULL),
                EG_DNS_TXT, facts->ownership_token);
    records[count++] = eg_domainrecord_of_key(facts, pool);
    if (*facts->mail_host != '\0') {
        count = add(records, count, EG_RECORD_RETURN_PATH, below, EG_DNS_MX,
                    apr_pstrcat(pool, RETURN_PATH_PREFERENCE " ", facts->mail_host, NULL));
        count = add(records, count, EG_RECORD_SPF, below, EG_DNS_TXT,
                    apr_pstrcat(pool, "v=spf1 include:", facts->mail_host, " ~all", NULL));
    }
    if (*facts->tracking_host != '\0') {
        count = add(records, count, EG_RECORD_TRACKING, tracked, EG_DNS_CNAME, facts->tracking_host);
        records[count - 1].required = is_tracked_at(tracked, facts->tracking_url, pool);
    }
    return add(records, count, EG_RECORD_DMARC, apr_pstrcat(pool, "_dmarc.", facts->name, NULL), EG_DNS_TXT,
               "v=DMARC1; p=none");
}

eg_record_state eg_domainrecords_outcome(const eg_domainrecord *records, int count)
{
    eg_record_state outcome = EG_RECORD_HOLDS;

    for (int i = 0; i < count; i++) {
        if (records[i].required && records[i].state == EG_RECORD_FAILS) {
            return EG_RECORD_FAILS;
        }
        if (records[i].required && records[i].state == EG_RECORD_UNKNOWN) {
            outcome = EG_RECORD_UNKNOWN;
        }
    }
    return outcome;
}
