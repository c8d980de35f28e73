/*
 * URLs that a stranger gave and that are going to be fetched from here. Only
 * their text is judged, without a look-up: where a name leads is judged when it
 * is connected to.
 */
#ifndef EG_URL_H
#define EG_URL_H

#include <apr_tables.h>

#include "eg.h"

#define EG_URL_MAX 2048 /* bytes */

/**
 * http or https, a host name of two labels or more or a public address in its
 * usual notation, a port that is 80, 443 or 1024 and more; printable ASCII
 * behind that. Refused: user and password, fragments, blanks, backslashes,
 * control characters, escapes in the host, private and special addresses in any
 * spelling, localhost, names of one label or under .localhost and .local.
 * @param url  scheme and host in lower case, the host as A-labels
 * @param problem  on APR_EINVAL: the end of a sentence, such as "it has a fragment"
 * @param allowed  addresses with ports (eg_netaddr) that are taken although they
 *        are not public; NULL for none
 */
apr_status_t eg_url_parse(const char **url, const char **problem, const char *text,
                          const apr_array_header_t *allowed, apr_pool_t *pool);

#endif
