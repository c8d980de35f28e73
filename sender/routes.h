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

/** Would egs_routes_take find it at once? */
int egs_routes_know(egs_routes *routes, const char *domain);

/**
 * Look the route of a domain up for mails to come. Its lane is held no longer when it is known.
 * @return 0 when it is not, because there are enough of these already
 */
int egs_routes_seek(egs_routes *routes, const char *domain, int lane);

/**
 * The route of a domain; it stays as it is until it is given back.
 * @return NULL while it is looked up: the job waits, and egs_routes_ready gives it back
 */
const egs_route *egs_routes_take(egs_routes *routes, const char *domain, egs_job *job);

void egs_routes_give_back(const egs_route *route);

/** Look all up anew. */
void egs_routes_forget(egs_routes *routes);

/** The jobs that need not wait any more, once. */
egs_jobs egs_routes_ready(egs_routes *routes);

/** All jobs that wait, to the end of the list: they will not be ready. No lane is held any more. */
void egs_routes_recall(egs_routes *routes, egs_jobs *recalled);

#endif
