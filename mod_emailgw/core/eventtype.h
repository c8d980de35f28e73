/*
 * Event types and the synonyms that the API reference uses for them.
 */
#ifndef EG_EVENTTYPE_H
#define EG_EVENTTYPE_H

#include "eg.h"

/* Stored as smallint in emailgw.event: never renumber. */
typedef enum {
    EG_EVENT_NONE = -1,  /* what no event is, for a search that finds nothing */
    EG_EVENT_SEND = 1,   /* accepted into the queue */
    EG_EVENT_DELIVERY,   /* the other side took it */
    EG_EVENT_DEFERRED,   /* will be tried again */
    EG_EVENT_BOUNCE,     /* permanent, also expiry */
    EG_EVENT_SUPPRESSED, /* on the suppression list when its turn came */
    EG_EVENT_CANCELLED,  /* taken out of the queue */
    EG_EVENT_OPEN,
    EG_EVENT_CLICK,
    EG_EVENT_UNSUBSCRIBE,
    EG_EVENT_COMPLAINT
} eg_eventtype;

/**
 * "delivery", "delivered" ... in any letter case.
 * @return 0 when unknown
 */
eg_eventtype eg_eventtype_parse(const char *name);

/** "delivery" ...; NULL for a number that is none. */
const char *eg_eventtype_name(int type);

/** All names, for an error message: "send, delivery, ...". */
const char *eg_eventtype_list(void);

/** "delivered" ...: the name of the second family; NULL for those that no webhook is told of. */
const char *eg_eventtype_synonym(int type);

/** All that webhooks can be told of, for an error message. */
const char *eg_eventtype_webhook_list(void);

#endif
