/* The routes that one thread's mails take. */
#include <apr_hash.h>
#include <apr_strings.h>
#include <stddef.h>

#include "holds.h"
#include "routes.h"

#define KEPT apr_time_from_sec(300)         /* a route, or that there is none */
#define KEPT_TEMPORARY apr_time_from_sec(5) /* that it could not be found */
#define COUNT_MAX 10000                     /* routes that are kept */
#define SOUGHT_MAX 1000                     /* that are looked up while no mail waits for them */

typedef struct {
    egs_route route;
    egs_routes *routes;
    apr_pool_t *pool;
    const char *domain;
    int is_known;
    apr_time_t expires; /* of a known one */
    int users;          /* jobs that have taken it */
    int is_current;     /* the one that the next job gets */
    egs_jobs waiting;
    int is_sought, lane; /* whose hold ends when it is known */
    eg_dns_question mx;
    eg_dns_question *addresses; /* an A and an AAAA for each host */
    int open;                   /* questions without an answer */
} entry;

struct egs_routes {
    egs_lookup *lookup;
    const egs_routes_rules *rules;
    apr_pool_t *pool;
    apr_hash_t *current; /* domain -> entry */
    egs_jobs ready;
    int sought; /* of those that are not known yet */
};

egs_routes *egs_routes_new(egs_lookup *lookup, const egs_routes_rules *rules, apr_pool_t *pool)
{
    egs_routes *routes = apr_pcalloc(pool, sizeof *routes);

    routes->lookup = lookup;
    routes->rules = rules;
    routes->pool = pool;
    routes->current = apr_hash_make(pool);
    return routes;
}

/* ---- looking up ------------------------------------------------------------------- */

static void move_all(egs_jobs *to, egs_jobs *from)
{
    egs_job *job;

    while ((job = egs_jobs_take(from))) {
        egs_jobs_add(to, job);
    }
}

static void end_hold(entry *e)
{
    if (e->is_sought) {
        e->is_sought = 0;
        e->routes->sought--;
        egs_unhold_lane(e->lane);
    }
}

static void conclude(entry *e)
{
    e->is_known = 1;
    e->expires = egs_clock() + (e->route.result == EGS_ROUTE_TEMPORARY ? KEPT_TEMPORARY : KEPT);
    move_all(&e->routes->ready, &e->waiting);
    end_hold(e);
}

static void addresses_answered(void *baton)
{
    entry *e = baton;

    if (--e->open == 0) {
        egs_route_set_addresses(&e->route, e->addresses, e->routes->rules->may_be_private, e->pool);
        conclude(e);
    }
}

static void ask_addresses(entry *e)
{
    int count = 2 * e->route.host_count;

    e->addresses = apr_pcalloc(e->pool, (apr_size_t)count * sizeof *e->addresses);
    e->open = count; /* before the first is asked: it may be answered at once */
    for (int i = 0; i < count; i++) {
        e->addresses[i] =
            (eg_dns_question){ .name = e->route.hosts[i / 2].name, .type = i % 2 ? EG_DNS_AAAA : EG_DNS_A };
        egs_lookup_ask(e->routes->lookup, &e->addresses[i], addresses_answered, e, e->pool);
    }
}

static void mx_answered(void *baton)
{
    entry *e = baton;

    egs_route_of_mx(&e->route, &e->mx, e->routes->rules->own, e->pool);
    if (e->route.result == EGS_ROUTE_HOSTS) {
        ask_addresses(e);
    }
    else {
        conclude(e);
    }
}

/* ---- what is kept ------------------------------------------------------------------ */

static void retire(entry *e)
{
    apr_hash_set(e->routes->current, e->domain, APR_HASH_KEY_STRING, NULL);
    e->is_current = 0;
    if (!e->users) {
        apr_pool_destroy(e->pool);
    }
}

void egs_routes_forget(egs_routes *routes)
{
    for (apr_hash_index_t *at = apr_hash_first(NULL, routes->current); at; at = apr_hash_next(at)) {
        entry *e = apr_hash_this_val(at);

        if (e->is_known) {
            retire(e);
        }
    }
}

static entry *make_entry(egs_routes *routes, const char *domain)
{
    apr_pool_t *pool;
    entry *e;

    if (apr_hash_count(routes->current) >= COUNT_MAX) {
        egs_routes_forget(routes);
    }
    if (apr_pool_create(&pool, routes->pool) != APR_SUCCESS) {
        return NULL;
    }
    e = apr_pcalloc(pool, sizeof *e);
    e->routes = routes;
    e->pool = pool;
    e->domain = apr_pstrdup(pool, domain);
    e->mx = (eg_dns_question){ .name = e->domain, .type = EG_DNS_MX };
    e->is_current = 1;
    apr_hash_set(routes->current, e->domain, APR_HASH_KEY_STRING, e);
    return e;
}

static int is_over(const entry *e)
{
    return e->is_known && egs_clock() >= e->expires;
}

int egs_routes_know(egs_routes *routes, const char *domain)
{
    const entry *e = apr_hash_get(routes->current, domain, APR_HASH_KEY_STRING);

    return e && e->is_known && !is_over(e);
}

/* Known, or asked for. NULL: no memory. */
static entry *find_entry(egs_routes *routes, const char *domain)
{
    entry *e = apr_hash_get(routes->current, domain, APR_HASH_KEY_STRING);

    if (e && is_over(e)) {
        retire(e);
        e = NULL;
    }
    if (!e) {
        e = make_entry(routes, domain);
        if (e) {
            egs_lookup_ask(routes->lookup, &e->mx, mx_answered, e, e->pool);
        }
    }
    return e;
}

int egs_routes_seek(egs_routes *routes, const char *domain, int lane)
{
    entry *e = routes->sought < SOUGHT_MAX ? find_entry(routes, domain) : NULL;

    if (!e || e->is_known) {
        return 0;
    }
    routes->sought += !e->is_sought;
    e->is_sought = 1;
    e->lane = lane;
    return 1;
}

const egs_route *egs_routes_take(egs_routes *routes, const char *domain, egs_job *job)
{
    entry *e = find_entry(routes, domain);

    if (!e) { /* again with the next round */
        egs_jobs_add(&routes->ready, job);
        return NULL;
    }
    if (!e->is_known) {
        egs_jobs_add(&e->waiting, job);
        return NULL;
    }
    e->users++;
    return &e->route;
}

void egs_routes_give_back(const egs_route *route)
{
    entry *e = (entry *)((char *)route - offsetof(entry, route));

    if (--e->users == 0 && !e->is_current) {
        apr_pool_destroy(e->pool);
    }
}

egs_jobs egs_routes_ready(egs_routes *routes)
{
    egs_jobs ready = routes->ready;

    routes->ready = (egs_jobs){ NULL, NULL };
    return ready;
}

void egs_routes_recall(egs_routes *routes, egs_jobs *recalled)
{
    for (apr_hash_index_t *at = apr_hash_first(NULL, routes->current); at; at = apr_hash_next(at)) {
        entry *e = apr_hash_this_val(at);

        move_all(recalled, &e->waiting);
        end_hold(e);
    }
    move_all(recalled, &routes->ready);
}
