/*
 * The search box for events: what a person types, as a checked list of terms.
 *
 * Terms stand between blanks, and an event must match all of them:
 *
 *     word  "some words"  field:word  field:"some words"
 *
 * with the fields subject, from, to, domain, tag, messageid, event, url, ip and
 * reason, in any letter case. Nothing else means anything: an unknown field, a
 * field without a value, a quotation mark that none closes, -, *, %, |, AND and
 * the like are text to be found as it stands. A field may be named twice.
 */
#ifndef EG_EVENTQUERY_H
#define EG_EVENTQUERY_H

#include "eg.h"

#define EG_EVENTQUERY_MAX 1000     /* bytes of the whole */
#define EG_EVENTQUERY_TERM_MAX 256 /* bytes of one term's text */
#define EG_EVENTQUERY_TERMS_MAX 16

/* What a term is looked for in: the numbers that emailgw_api.get_events knows. */
typedef enum {
    EG_EVENTQUERY_ANY,     /* subject, from, to, tags and message id: has it in it */
    EG_EVENTQUERY_SUBJECT, /* has it in it */
    EG_EVENTQUERY_FROM,    /* address or name has it in it */
    EG_EVENTQUERY_TO,      /* the recipient's address has it in it */
    EG_EVENTQUERY_DOMAIN,  /* the recipient's domain is it, or is below it */
    EG_EVENTQUERY_TAG,     /* one tag is it */
    EG_EVENTQUERY_URL,     /* has it in it */
    EG_EVENTQUERY_IP,      /* is it */
    EG_EVENTQUERY_REASON /* code, enhanced code and text of the reply and class of the bounce have it in it */
} eg_eventquery_field;

typedef struct {
    eg_eventquery_field field;
    const char *
        text; /* 1 to EG_EVENTQUERY_TERM_MAX bytes of UTF-8 without control characters, letter case as given */
} eg_eventquery_term;

typedef struct {
    int count;
    eg_eventquery_term terms[EG_EVENTQUERY_TERMS_MAX];
    int type;               /* eg_eventtype that event: asks for; 0: any */
    const char *message_id; /* that messageid: asks for, 36 characters; NULL: any */
    int nothing;            /* no event is like this: two messages, an unknown event ... */
} eg_eventquery;

/**
 * @param problem  on APR_EINVAL: a sentence for the client
 * @return APR_EINVAL when it is too long, has too many terms, or is no UTF-8
 */
apr_status_t eg_eventquery_parse(eg_eventquery *query, const char **problem, const char *text,
                                 apr_pool_t *pool);

#endif
