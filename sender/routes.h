/*
 * The routes that one thread's mails take: looked up once for all of a domain's
 * mails, kept for some minutes, never waited for.
 */
#ifndef EGS_ROUTES_H
#define EGS_ROUTES_H

#include "job.h"
#include "lookup.h"
#include "route.h"

typedef struct egs_routes egs_routes;

typedef struct {
    const char *own;    /* this machine's name: a domain's mail does not go there */
    int may_be_private; /* also to addresses that nobody on the open internet has */
} egs_routes_rules;

/** All arguments stay as long as the routes. */
egs_routes *egs_routes_new(egs_lookup *lookup, const egs_routes_rules *rules, apr_pool_t *pool);

/**
 * The route of a domain; it stays as it is until it is given back.
 * @return NULL while it is looked up: the job waits, and egs_routes_ready gives it back
 */
const egs_route *egs_routes_take(egs_routes *routes, const char *domain, egs_job *job);

void egs_routes_give_back(const egs_route *route);

/** Look all up anew. */
void egs_routes_forget(egs_routes *routes);

/** A job that need not wait any more, once; NULL when there is none. */
egs_job *egs_routes_ready(egs_routes *routes);

#endif
