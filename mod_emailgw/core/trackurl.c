/* What tracked links begin with. */
#include "trackurl.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_uri.h>

static int is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}?#@'", *text) != NULL) {
            return 0;
        }
    }
    return 1;
}

static int is_base(const apr_uri_t *uri)
{
    return uri->scheme != NULL && (strcmp(uri->scheme, "http") == 0 || strcmp(uri->scheme, "https") == 0) &&
           uri->hostname != NULL && *uri->hostname != '\0' &&
           (uri->port_str == NULL || (apr_atoi64(uri->port_str) >= 1 && apr_atoi64(uri->port_str) <= 65535));
}

apr_status_t eg_trackurl_parse(const char **url, const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    apr_uri_t uri;
    char *copy;

    if (length > EG_TRACKURL_MAX || !is_plain(text) || apr_uri_parse(pool, text, &uri) != APR_SUCCESS ||
        !is_base(&uri)) {
        return APR_EINVAL;
    }
    while (text[length - 1] == '/') {
        length--;
    }
    copy = apr_pstrmemdup(pool, text, length);
    for (char *at = strstr(copy, "//") + 2; *at != '\0' && *at != '/'; at++) {
        *at = (char)apr_tolower(*at);
    }
    *url = copy;
    return APR_SUCCESS;
}

const char *eg_trackurl_host(const char *url, apr_pool_t *pool)
{
    apr_uri_t uri;

    return apr_uri_parse(pool, url, &uri) == APR_SUCCESS && uri.hostname != NULL ? uri.hostname : "";
}
