/*
 * Transport to the recipients' own mail servers (RFC 5321 section 5).
 *
 * A mail waits for its domain's route and MTA-STS policy (RFC 8461), then in the queue
 * of its destination for a place there, then is under way: to the first address of the
 * route, and to the next ones while no dialogue comes about. None of this keeps others
 * waiting.
 */
#include <apr_strings.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "holds.h"
#include "lowercase.h"
#include "netaddr.h"
#include "mx_carrier.h"

#define HOLD_SOUGHT                                                                                          \
    apr_time_from_sec(10) /* of a lane whose route is looked up meanwhile: unless it is found before */

static void find_route(egs_carrier *carrier, egs_transit *t)
{
    if (!egs_routes_know(carrier->routes, t->domain) && !egs_mx_may_wait(carrier, t)) {
        int is_sought = egs_routes_seek(carrier->routes, t->domain, t->job->lane);

        egs_mx_turn_away(carrier, t, is_sought ? HOLD_SOUGHT : EGS_MX_HOLD);
        return;
    }
    t->route = egs_routes_take(carrier->routes, t->domain, t->job);
    if (!t->route) {
        return;
    }
    switch (t->route->result) {
    case EGS_ROUTE_HOSTS:
        egs_mx_find_policy(carrier, t);
        break;
    case EGS_ROUTE_NOWHERE:
        egs_mx_finish_as(carrier, t, EGS_BOUNCED, t->route->enhanced, t->route->text);
        break;
    case EGS_ROUTE_TEMPORARY:
        egs_mx_finish_as(carrier, t, EGS_DEFERRED, t->route->enhanced, t->route->text);
        break;
    }
}

static apr_status_t open_carrier(egs_carrier **carrier, const eg_log *log, apr_pool_t *pool)
{
    apr_status_t rv;

    *carrier = apr_pcalloc(pool, sizeof **carrier);
    (*carrier)->log = log;
    (*carrier)->pool = pool;
    rv = egs_smtp_open(&(*carrier)->smtp, log, pool);
    return rv == APR_SUCCESS ? egs_mx_open_answers(*carrier) : rv;
}

/* With the first mail, since before it there is no plan, and with the first of another resolver. */
static apr_status_t open_lookup(egs_carrier *carrier, const egs_plan *plan)
{
    apr_pool_t *pool = carrier->pool;
    apr_status_t rv;

    carrier->resolver.timeout = plan->resolver.timeout;
    carrier->resolver.servers = plan->resolver.servers ? apr_array_copy(pool, plan->resolver.servers) : NULL;
    carrier->rules = (egs_routes_rules){ apr_pstrdup(pool, plan->peer.helo), plan->may_be_private };
    rv = apr_pool_create(&carrier->lookup_pool, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = egs_lookup_open(&carrier->lookup, &carrier->resolver, carrier->lookup_pool);
    if (rv == APR_SUCCESS) {
        rv = egs_smtp_watch(carrier->smtp, egs_lookup_descriptor(carrier->lookup));
        carrier->routes = egs_routes_new(carrier->lookup, &carrier->rules, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(carrier->lookup_pool);
        carrier->lookup = NULL;
    }
    return rv;
}

static int are_same(const apr_array_header_t *left, const apr_array_header_t *right)
{
    if (!left || !right) {
        return left == right;
    }
    return left->nelts == right->nelts &&
           memcmp(left->elts, right->elts, (size_t)left->nelts * sizeof(eg_netaddr)) == 0;
}

static int is_of(const egs_carrier *carrier, const egs_plan *plan)
{
    return carrier->resolver.timeout == plan->resolver.timeout &&
           are_same(carrier->resolver.servers, plan->resolver.servers) &&
           strcmp(carrier->rules.own, plan->peer.helo) == 0;
}

/* The former routes stay for the mails that are under way by them. */
static void close_lookup(egs_carrier *carrier)
{
    egs_mx_recall(carrier);
    apr_pool_destroy(carrier->lookup_pool);
    carrier->lookup = NULL;
}

/* Read again, the options may say otherwise. */
static void set_rules(egs_carrier *carrier, const egs_plan *plan)
{
    if (carrier->rules.may_be_private != plan->may_be_private) {
        carrier->rules.may_be_private = plan->may_be_private;
        egs_routes_forget(carrier->routes);
    }
}

static const char *domain_of(const egs_job *job)
{
    return eg_lowercase(apr_pstrdup(job->pool, strrchr(job->recipient, '@') + 1));
}

static int room(egs_carrier *carrier, const egs_plan *plan, const egs_job *job)
{
    (void)carrier;
    (void)plan;
    (void)job;
    return INT_MAX;
}

static void begin(egs_carrier *carrier, const egs_plan *plan, egs_job *job)
{
    egs_transit *t = apr_pcalloc(job->pool, sizeof *t);

    t->job = job;
    t->plan = plan;
    t->dice = (double)arc4random() / 4294967296.0;
    job->carried = t;
    carrier->begun++;
    carrier->places = 1;
    if (carrier->lookup && !is_of(carrier, plan)) {
        close_lookup(carrier);
    }
    if (!carrier->lookup && open_lookup(carrier, plan) != APR_SUCCESS) {
        eg_log_at(carrier->log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0423) "message=%s recipient=%s: DNS cannot be asked", job->message_id,
                  job->recipient);
        egs_mx_finish_as(carrier, t, EGS_DEFERRED, "4.3.0", "DNS cannot be asked");
        return;
    }
    if (job->overdue) {
        egs_mx_finish_as(carrier, t, EGS_DEFERRED, "4.4.7",
                         "the mail hosts could not be reached all the time");
        return;
    }
    set_rules(carrier, plan);
    t->domain = domain_of(job);
    find_route(carrier, t);
}

static apr_interval_time_t until_next(const egs_carrier *carrier, apr_interval_time_t wait)
{
    if (carrier->finished.first) {
        return 0;
    }
    wait = egs_mx_policy_wait(carrier, egs_mx_queue_wait(carrier, wait));
    return carrier->lookup ? egs_lookup_wait(carrier->lookup, wait) : wait;
}

static void work(egs_carrier *carrier, int places, apr_interval_time_t wait)
{
    egs_job *job;
    egs_jobs ready;

    carrier->places = places;
    egs_smtp_work(carrier->smtp, until_next(carrier, wait));
    if (carrier->lookup) {
        egs_lookup_work(carrier->lookup);
    }
    while ((job = egs_smtp_finished(carrier->smtp))) {
        egs_mx_settle(carrier, job);
    }
    ready = carrier->lookup ? egs_routes_ready(carrier->routes) : (egs_jobs){ NULL, NULL };
    while ((job = egs_jobs_take(&ready))) {
        find_route(carrier, job->carried);
    }
    egs_mx_take_answers(carrier);
    egs_mx_serve_all(carrier);
}

static egs_job *finished(egs_carrier *carrier)
{
    return egs_jobs_take(&carrier->finished);
}

static apr_status_t watch(egs_carrier *carrier, int fd)
{
    return egs_smtp_watch(carrier->smtp, fd);
}

const egs_transport egs_transport_mx = {
    .name = "mx",
    .prepare = egs_mx_prepare,
    .open = open_carrier,
    .room = room,
    .begin = begin,
    .work = work,
    .waiting = egs_mx_waiting,
    .recall = egs_mx_recall,
    .finished = finished,
    .held = egs_holds_list,
    .watch = watch,
};
