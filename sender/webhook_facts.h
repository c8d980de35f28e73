/*
 * What an event tells, with its texts cut to a length that every payload has room for.
 */
#ifndef EGS_WEBHOOK_FACTS_H
#define EGS_WEBHOOK_FACTS_H

#include <jansson.h>

#include "webhook_post.h"

/** Parts that are not there are NULL or 0. */
typedef struct {
    const char *subject, *recipient_domain;
    json_t *tags; /* array, owned by the pool */
    int attempt;
    int code; /* of SMTP */
    const char *enhanced, *text, *host;
    double seconds; /* of the dialogue */
    int tls;
    const char *class; /* of a bounce: see egs_class_name */
    int suppress;      /* the address is on the suppression list by it */
    const char *url, *user_agent, *ip;
} egs_facts;

void egs_webhook_facts(egs_facts *facts, const egs_event *event, apr_pool_t *pool);

#endif
