/* eg_returnpath_parse: nothing but what was made is taken, and that in one spelling. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "hostname.h"
#include "returnpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static const eg_secret *make_secret(apr_pool_t *pool)
{
    const char *problem;
    eg_secret *secret;

    must(eg_secret_parse(&secret, &problem, "secret",
                         "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
                         pool) == APR_SUCCESS);
    return secret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const eg_secret *secret;
    const char *text, *host;
    eg_returnpath path;
    apr_pool_t *pool;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    secret = make_secret(pool); /* goes with the pool, so that no sanitizer takes it for a leak */
    text = apr_pstrmemdup(pool, (const char *)data, size);
    if (eg_returnpath_parse_address(&path, &host, text, secret, pool) == APR_SUCCESS) {
        must(*host != '\0' && strspn(host, EG_HOST_NAME_BYTES) == strlen(host));
        must(strcasestr(text, eg_returnpath_make(&path, secret, pool)) != NULL);
    }
    if (eg_returnpath_parse(&path, text, secret, pool) == APR_SUCCESS) {
        const char *again = eg_returnpath_make(&path, secret, pool);

        must(strlen(again) <= size && strncasecmp(again, (const char *)data, strlen(again)) == 0);
    }
    apr_pool_destroy(pool);
    return 0;
}
