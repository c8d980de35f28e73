/* eg_hostname_parse: what it gives is a host name and parses to itself. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "hostname.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *ascii = NULL, *again = NULL;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_hostname_parse(&ascii, apr_pstrmemdup(pool, (const char *)data, size), pool) == APR_SUCCESS) {
        must(strlen(ascii) <= EG_DOMAIN_MAX && strchr(ascii, '.') != NULL && strstr(ascii, "..") == NULL);
        must(strspn(ascii, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(ascii));
        must(eg_hostname_parse(&again, ascii, pool) == APR_SUCCESS && strcmp(ascii, again) == 0);
        must(eg_hostname_within(ascii, ascii));
        eg_hostname_is_public_suffix(ascii);
    }
    else {
        must(ascii == NULL);
    }
    apr_pool_destroy(pool);
    return 0;
}
