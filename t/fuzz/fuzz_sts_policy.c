/* egs_sts_record_parse and egs_sts_policy_parse: what is taken is within its bounds and means what it says. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "dns.h"
#include "hostname.h"
#include "sts_policy.h"
#include "target.h"

/* Each pattern is a name, allows what it names, and a wildcard neither more nor fewer labels. */
static void check_pattern(const egs_sts_policy *policy, const char *pattern, apr_pool_t *pool)
{
    const char *name = strncmp(pattern, "*.", 2) == 0 ? pattern + 2 : pattern, *again;
    egs_sts_policy alone = *policy;
    apr_array_header_t *mx = apr_array_make(pool, 1, sizeof(const char *));

    must(eg_hostname_parse(&again, name, pool) == APR_SUCCESS && strcmp(again, name) == 0);
    APR_ARRAY_PUSH(mx, const char *) = pattern;
    alone.mx = mx;
    must(egs_sts_allows(&alone, name) == (name == pattern));
    must(egs_sts_allows(&alone, apr_pstrcat(pool, "a.", name, ".", NULL)) == (name != pattern));
    must(!egs_sts_allows(&alone, apr_pstrcat(pool, "a.b.", name, NULL)));
}

static void check_policy(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    egs_sts_policy policy;
    const char *problem = NULL;

    if (egs_sts_policy_parse(&policy, &problem, (const char *)data, size, pool) != APR_SUCCESS) {
        must(problem != NULL);
        return;
    }
    must(size <= EGS_STS_SIZE_MAX && policy.max_age >= 0 && policy.max_age <= apr_time_from_sec(31557600));
    must(policy.mode == EGS_STS_MODE_NONE || policy.mx->nelts > 0);
    for (int i = 0; i < policy.mx->nelts; i++) {
        check_pattern(&policy, APR_ARRAY_IDX(policy.mx, i, const char *), pool);
    }
}

/* A line is a TXT record. */
static void check_records(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    apr_array_header_t *records = apr_array_make(pool, 2, sizeof(eg_dns_record));
    const char *text = apr_pstrmemdup(pool, (const char *)data, size), *end = text + size;
    const char *id = NULL, *problem = NULL;
    apr_status_t rv;

    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        size_t length = (size_t)((feed != NULL ? feed : end) - text);

        APR_ARRAY_PUSH(records, eg_dns_record) =
            (eg_dns_record){ .text = apr_pstrmemdup(pool, text, length), .length = length };
        text += length + 1;
    }
    rv = egs_sts_record_parse(&id, &problem, records, pool);
    must(rv == APR_SUCCESS ? strlen(id) >= 1 && strlen(id) <= EGS_STS_ID_MAX
                           : rv == APR_NOTFOUND || (rv == APR_EINVAL && problem != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    apr_pool_t *pool;

    if (all == NULL) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    check_policy(data, size, pool);
    check_records(data, size, pool);
    apr_pool_destroy(pool);
    return 0;
}
