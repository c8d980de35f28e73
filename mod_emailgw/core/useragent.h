/*
 * Is it a person who opened or clicked, or a machine: by the User-Agent alone. Pure.
 */
#ifndef EG_USERAGENT_H
#define EG_USERAGENT_H

#include "eg.h"

#define EG_USERAGENT_MAX 512 /* bytes that are kept of one */

/**
 * Link scanners, crawlers, previews, programs that fetch, and what fetches images
 * before anybody has seen the mail. Image proxies that fetch when the reader opens the
 * mail (Google's, Yahoo's) are persons.
 * @param agent  NULL or "": none was sent, as machines do
 */
int eg_useragent_is_machine(const char *agent);

/**
 * Fit to be stored and shown: without control characters and bytes that are not
 * UTF-8, cut to EG_USERAGENT_MAX bytes. "" for NULL.
 */
const char *eg_useragent_clean(const char *agent, apr_pool_t *pool);

#endif
