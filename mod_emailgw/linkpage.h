/*
 * The pages that people see behind links in mails: plain HTML, nothing loaded from
 * anywhere, no script. Pure.
 */
#ifndef EG_LINKPAGE_H
#define EG_LINKPAGE_H

#include "eg.h"

/** What a form of a one-click unsubscribe holds (RFC 8058 section 3.1). */
#define EG_UNSUBSCRIBE_FIELD "List-Unsubscribe"
#define EG_UNSUBSCRIBE_VALUE "One-Click"

/** Asks whether to unsubscribe. @param email, domain  NULL where they are not known now */
const char *eg_linkpage_ask(const char *email, const char *domain, apr_pool_t *pool);

/** Says that it is done. */
const char *eg_linkpage_done(const char *email, const char *domain, apr_pool_t *pool);

/** Says that it could not be done now. */
const char *eg_linkpage_later(apr_pool_t *pool);

/** The link leads nowhere: the same for all that do. */
const char *eg_linkpage_gone(apr_pool_t *pool);

/** The Content-Security-Policy of all of them: their own style, and forms to where they came from. */
const char *eg_linkpage_policy(apr_pool_t *pool);

/** "ann@example.org" -> "a***@e***.org": known to its owner alone. */
const char *eg_linkpage_mask(const char *email, apr_pool_t *pool);

#endif
