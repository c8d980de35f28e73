/*
 * What tracked links begin with: the base to which paths and tokens are added.
 */
#ifndef EG_TRACKURL_H
#define EG_TRACKURL_H

#include "eg.h"

#define EG_TRACKURL_MAX 255 /* bytes */
#define EG_TRACKURL_FORM "http or https, a host, and perhaps a port and a path"

/**
 * EG_TRACKURL_FORM, in printable ASCII that needs no quoting in HTML; no query,
 * no fragment, no user.
 * @param url  without slashes at its end, the host in lower case
 * @return APR_EINVAL
 */
apr_status_t eg_trackurl_parse(const char **url, const char *text, apr_pool_t *pool);

/** The host of a URL that was parsed. */
const char *eg_trackurl_host(const char *url, apr_pool_t *pool);

#endif
