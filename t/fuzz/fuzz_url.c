/* eg_url_parse: what it gives has a scheme and a host that is a name or public, and parses to itself. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "netaddr.h"
#include "target.h"
#include "url.h"

static void check(const char *url, apr_pool_t *pool)
{
    const char *again = NULL, *problem, *host = strstr(url, "://") + 3;
    eg_netaddr addr;

    must(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    must(strpbrk(url, " \t\r\n\\#") == NULL);
    host = apr_pstrmemdup(pool, host, strcspn(host, "/?"));
    must(strchr(host, '@') == NULL && strchr(host, '%') == NULL);
    if (eg_netaddr_parse(&addr, apr_pstrmemdup(pool, host, strcspn(host, ":")), 80) == APR_SUCCESS) {
        must(eg_netaddr_is_public(&addr));
    }
    must(eg_url_parse(&again, &problem, url, NULL, pool) == APR_SUCCESS && strcmp(url, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *url = NULL, *problem = NULL;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_url_parse(&url, &problem, apr_pstrmemdup(pool, (const char *)data, size), NULL, pool) ==
        APR_SUCCESS) {
        check(url, pool);
    }
    else {
        must(url == NULL && problem != NULL);
    }
    apr_pool_destroy(pool);
    return 0;
}
