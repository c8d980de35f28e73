/*
 * Subscribers as EmailGateway.AddSubscribers takes them.
 */
#ifndef EG_SUBSCRIBERS_H
#define EG_SUBSCRIBERS_H

#include "command.h"

/** Both are the pool's. */
typedef struct {
    json_t *good;   /* [{"email", "name", "fields"}] as sql add_subscribers takes them */
    json_t *failed; /* [{"Index", "ErrorMessage"}], an index being a place in the request, from 0 on */
} eg_subscribers;

/** Read Subscribers of call->args: what is wrong with one of them is told of that one alone. */
void eg_subscribers_parse(eg_subscribers *subscribers, eg_call *call);

#endif
