/*
 * Transport to the recipients' own mail servers (RFC 5321 section 5).
 *
 * A mail waits for its domain's route and MTA-STS policy (RFC 8461), then in the queue
 * of its destination for a place there, then is under way: to the first address of the
 * route, and to the next ones while no dialogue comes about. None of this keeps others
 * waiting.
 * A destination that has enough waiting here, or that cannot be reached, is held:
 * its mails stay in the database.
 */
#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "classify.h"
#include "mx_plan.h"
#include "routes.h"
#include "sts.h"

#define WAITING_MAX 4                  /* mails in one destination's queue */
#define HOLD_BUSY apr_time_from_sec(1) /* of one that has them, unless they are gone before */
#define HELD_MAX 16                    /* lanes of one destination whose hold can end before */
#define ADDRESSES_MAX 5                /* that one attempt goes to */

/** A mail, from its beginning to its end. */
typedef struct transit {
    egs_job *job;
    const egs_plan *plan;
    const char *domain;
    const egs_route *route;
    int is_enforced; /* only to hosts of the policy, whose certificates hold */
    egs_sts_policy policy;
    egs_destination *destination;
    double dice;       /* which of equal hosts is the first */
    int host, address; /* of the route: where it is or was under way to */
    int tries;
    egs_smtp_peer peer;
    struct transit *next;
} transit;

/** Mails for one destination that wait for a place. */
typedef struct queue {
    transit *first, **end;
    int count;
    apr_time_t when;                /* no place before */
    int held[HELD_MAX], held_count; /* lanes that it was too long for */
    struct queue *next;
    egs_destination *destination;
} queue;

struct egs_carrier {
    const eg_log *log;
    apr_pool_t *pool;
    egs_smtp *smtp;
    eg_dns_resolver resolver; /* copied: a plan does not stay as long */
    egs_routes_rules rules;
    egs_lookup *lookup; /* NULL before the first mail */
    egs_routes *routes;
    int answers;            /* an eventfd: there are answers about policies */
    transit *uncertain;     /* those that wait for them */
    queue *queues, *unused; /* with mails, and without */
    egs_jobs finished;
};

/* ---- the end ----------------------------------------------------------------------- */

static void finish(egs_carrier *carrier, transit *t)
{
    if (t->route) {
        egs_routes_give_back(carrier->routes, t->route);
    }
    if (t->destination) {
        egs_destination_give_back(t->plan->destinations, t->destination);
    }
    t->job->carried = NULL;
    egs_jobs_add(&carrier->finished, t->job);
}

static void finish_as(egs_carrier *carrier, transit *t, egs_result result, const char *enhanced,
                      const char *text)
{
    egs_outcome *outcome = &t->job->outcome;

    outcome->result = result;
    outcome->enhanced = enhanced;
    outcome->text = apr_pstrdup(t->job->pool, text);
    finish(carrier, t);
}

/* Its time is over, and nobody could be reached all the while. */
static void finish_suspended(egs_carrier *carrier, transit *t, apr_time_t until, const char *why)
{
    egs_hold_lane(t->plan->holds, t->job->lane, until);
    finish_as(carrier, t, EGS_DEFERRED, "4.4.1", why);
}

/* ---- under way ------------------------------------------------------------------------ */

static void start(egs_carrier *carrier, transit *t)
{
    const egs_route_host *host = egs_route_host_at(t->route, t->host, t->dice);
    const egs_shape *shape = egs_shape_find(t->plan->shapes, host->name);
    egs_job *job = t->job;

    t->tries++;
    t->peer = t->plan->peer;
    t->peer.host = host->name;
    t->peer.address = host->addresses[t->address];
    t->peer.tls = t->is_enforced ? EGS_TLS_REQUIRED : shape->tls;
    t->peer.mails = shape->mails;
    t->peer.key = apr_psprintf(job->pool, "%s\n%s\n%d", t->peer.host, t->peer.address, t->peer.tls);
    job->outcome = (egs_outcome){ .result = EGS_RELEASED };
    egs_smtp_begin(carrier->smtp, job, &t->peer);
}

/* From this host on to one that the policy allows. @return 0 when there is none */
static int skip_forbidden(transit *t)
{
    while (t->host < t->route->host_count && t->is_enforced &&
           !egs_sts_allows(&t->policy, egs_route_host_at(t->route, t->host, t->dice)->name)) {
        t->host++;
    }
    return t->host < t->route->host_count;
}

/* The next address, of the same host or of the next one. */
static int move_on(transit *t)
{
    if (t->tries >= ADDRESSES_MAX || egs_clock() >= t->job->lease_end) {
        return 0;
    }
    if (++t->address >= egs_route_host_at(t->route, t->host, t->dice)->address_count) {
        t->address = 0;
        t->host++;
    }
    return skip_forbidden(t);
}

/* No mail could be offered there. */
static int is_unreachable(const egs_outcome *outcome)
{
    return outcome->result == EGS_DEFERRED && outcome->stage != EGS_STAGE_NONE &&
           outcome->stage < EGS_STAGE_RSET;
}

static int wants_less(const egs_outcome *outcome)
{
    return egs_classify(egs_provider_of(outcome->host), outcome->stage, outcome->smtp_code,
                        outcome->enhanced, outcome->text)
        .slow_down;
}

static egs_left judge(const egs_outcome *outcome)
{
    if (outcome->result == EGS_RELEASED) {
        return EGS_LEFT_UNTRIED;
    }
    if (wants_less(outcome)) {
        return EGS_LEFT_SLOW_DOWN;
    }
    if (is_unreachable(outcome)) {
        return EGS_LEFT_UNREACHABLE;
    }
    return outcome->smtp_code ? EGS_LEFT_WELL : EGS_LEFT_UNTRIED;
}

static void settle(egs_carrier *carrier, egs_job *job)
{
    transit *t = job->carried;

    if (is_unreachable(&job->outcome) && move_on(t)) {
        start(carrier, t);
        return;
    }
    egs_destination_leave(t->destination, judge(&job->outcome), job->outcome.text ? job->outcome.text : "");
    finish(carrier, t);
}

/* ---- queues ---------------------------------------------------------------------------- */

static queue *find_queue(egs_carrier *carrier, egs_destination *destination)
{
    queue *q = carrier->queues;

    while (q && q->destination != destination) {
        q = q->next;
    }
    return q;
}

static queue *make_queue(egs_carrier *carrier, egs_destination *destination)
{
    queue *q = carrier->unused;

    if (q) {
        carrier->unused = q->next;
    }
    else {
        q = apr_palloc(carrier->pool, sizeof *q);
    }
    *q = (queue){ .destination = destination, .next = carrier->queues };
    q->end = &q->first;
    carrier->queues = q;
    return q;
}

static transit *take_first(queue *q)
{
    transit *t = q->first;

    q->first = t->next;
    if (!q->first) {
        q->end = &q->first;
    }
    q->count--;
    return t;
}

static void suspend_queue(egs_carrier *carrier, queue *q, apr_time_t until, const char *why)
{
    while (q->first) {
        finish_suspended(carrier, take_first(q), until, why);
    }
}

/* Nobody waits any more: what was held for that may be claimed. */
static void end_holds(queue *q, const egs_plan *plan)
{
    while (q->held_count) {
        egs_unhold_lane(plan->holds, q->held[--q->held_count]);
    }
}

static void serve(egs_carrier *carrier, queue *q)
{
    while (q->first) {
        const char *why = NULL;

        switch (egs_destination_enter(q->destination, &q->when, &why, q->first->job->pool)) {
        case EGS_DESTINATION_OPEN:
            if (q->count == 1) {
                end_holds(q, q->first->plan);
            }
            start(carrier, take_first(q));
            break;
        case EGS_DESTINATION_BUSY:
            return;
        case EGS_DESTINATION_SUSPENDED:
            suspend_queue(carrier, q, q->when, why);
            return;
        }
    }
}

static void serve_all(egs_carrier *carrier)
{
    apr_time_t now = egs_clock();

    for (queue **at = &carrier->queues; *at;) {
        queue *q = *at;

        if (now >= q->when) {
            serve(carrier, q);
        }
        if (q->first) {
            at = &q->next;
            continue;
        }
        *at = q->next;
        q->next = carrier->unused;
        carrier->unused = q;
    }
}

static void turn_away(egs_carrier *carrier, transit *t, queue *q)
{
    int lane = t->job->lane;

    egs_hold_lane(t->plan->holds, lane, egs_clock() + HOLD_BUSY);
    if (q && q->held_count < HELD_MAX && (!q->held_count || q->held[q->held_count - 1] != lane)) {
        q->held[q->held_count++] = lane;
    }
    finish_as(carrier, t, EGS_RELEASED, NULL, NULL);
}

static void enqueue(egs_carrier *carrier, transit *t)
{
    const egs_shape *shape = egs_shape_find(t->plan->shapes, t->route->hosts[0].name);
    const char *key = *shape->suffix ? shape->suffix : t->route->key;
    queue *q;

    t->destination = egs_destination_take(t->plan->destinations, key, shape);
    q = t->destination ? find_queue(carrier, t->destination) : NULL;
    if (!t->destination || (q && q->count >= WAITING_MAX)) {
        turn_away(carrier, t, q);
        return;
    }
    if (!q) {
        q = make_queue(carrier, t->destination);
    }
    t->next = NULL;
    *q->end = t;
    q->end = &t->next;
    q->count++;
    serve(carrier, q);
}

/* ---- MTA-STS --------------------------------------------------------------------------- */

static void find_policy(egs_carrier *carrier, transit *t)
{
    egs_sts_state state = egs_sts_find(egs_sts_of_process(), t->domain, &t->policy, t->job->pool);

    if (state == EGS_STS_PENDING) {
        t->next = carrier->uncertain;
        carrier->uncertain = t;
        return;
    }
    t->is_enforced = state == EGS_STS_POLICY && t->policy.mode == EGS_STS_MODE_ENFORCE;
    if (skip_forbidden(t)) {
        enqueue(carrier, t);
    }
    else {
        finish_as(carrier, t, EGS_DEFERRED, "4.7.5", "the domain's MTA-STS policy has none of its mail hosts");
    }
}

/* Those that are still pending come into the list again. */
static void take_answers(egs_carrier *carrier)
{
    transit *t = carrier->uncertain, *next;
    uint64_t count;

    if (read(carrier->answers, &count, sizeof count) != sizeof count) {
        return;
    }
    carrier->uncertain = NULL;
    for (; t; t = next) {
        next = t->next;
        find_policy(carrier, t);
    }
}

static void note_answer(void *baton)
{
    const egs_carrier *carrier = baton;
    uint64_t one = 1;

    (void)!write(carrier->answers, &one, sizeof one); /* if it is full already, there is something to read */
}

static apr_status_t close_answers(void *baton)
{
    const egs_carrier *carrier = baton;

    close(carrier->answers);
    return APR_SUCCESS;
}

/* Closed when nobody writes to it any more. */
static apr_status_t open_answers(egs_carrier *carrier)
{
    apr_status_t rv;

    carrier->answers = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (carrier->answers < 0) {
        return errno;
    }
    apr_pool_cleanup_register(carrier->pool, carrier, close_answers, apr_pool_cleanup_null);
    rv = egs_smtp_watch(carrier->smtp, carrier->answers);
    if (rv == APR_SUCCESS) {
        egs_sts_on_answer(egs_sts_of_process(), note_answer, carrier, carrier->pool);
    }
    return rv;
}

/* ---- the beginning --------------------------------------------------------------------- */

static void find_route(egs_carrier *carrier, transit *t)
{
    t->route = egs_routes_take(carrier->routes, t->domain, t->job);
    if (!t->route) {
        return;
    }
    switch (t->route->result) {
    case EGS_ROUTE_HOSTS:
        find_policy(carrier, t);
        break;
    case EGS_ROUTE_NOWHERE:
        finish_as(carrier, t, EGS_BOUNCED, t->route->enhanced, t->route->text);
        break;
    case EGS_ROUTE_TEMPORARY:
        finish_as(carrier, t, EGS_DEFERRED, t->route->enhanced, t->route->text);
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
    return rv == APR_SUCCESS ? open_answers(*carrier) : rv;
}

/* With the first mail: before it there is no plan. */
static apr_status_t open_lookup(egs_carrier *carrier, const egs_plan *plan)
{
    apr_pool_t *pool = carrier->pool;
    apr_status_t rv;

    carrier->resolver.timeout = plan->resolver.timeout;
    carrier->resolver.servers = plan->resolver.servers ? apr_array_copy(pool, plan->resolver.servers) : NULL;
    carrier->rules = (egs_routes_rules){ apr_pstrdup(pool, plan->peer.helo), plan->may_be_private };
    rv = egs_lookup_open(&carrier->lookup, &carrier->resolver, pool);
    if (rv == APR_SUCCESS) {
        rv = egs_smtp_watch(carrier->smtp, egs_lookup_descriptor(carrier->lookup));
        carrier->routes = egs_routes_new(carrier->lookup, &carrier->rules, pool);
    }
    return rv;
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
    char *domain = apr_pstrdup(job->pool, strrchr(job->recipient, '@') + 1);

    for (char *at = domain; *at; at++) {
        *at = (char)apr_tolower(*at);
    }
    return domain;
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
    transit *t = apr_pcalloc(job->pool, sizeof *t);

    t->job = job;
    t->plan = plan;
    t->dice = (double)arc4random() / 4294967296.0;
    job->carried = t;
    if (!carrier->lookup && open_lookup(carrier, plan) != APR_SUCCESS) {
        eg_log_at(carrier->log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0423) "message=%s recipient=%s: DNS cannot be asked", job->message_id,
                  job->recipient);
        finish_as(carrier, t, EGS_DEFERRED, "4.3.0", "DNS cannot be asked");
        return;
    }
    if (job->overdue) {
        finish_as(carrier, t, EGS_DEFERRED, "4.4.7", "the mail hosts could not be reached all the time");
        return;
    }
    set_rules(carrier, plan);
    t->domain = domain_of(job);
    find_route(carrier, t);
}

/* ---- going on --------------------------------------------------------------------------- */

static apr_interval_time_t until_next(const egs_carrier *carrier, apr_interval_time_t wait)
{
    apr_time_t now = egs_clock();

    for (const queue *q = carrier->queues; q; q = q->next) {
        apr_interval_time_t left = q->when > now ? q->when - now : 0;

        wait = left < wait ? left : wait;
    }
    if (carrier->finished.first) {
        return 0;
    }
    return egs_lookup_wait(carrier->lookup, wait);
}

static void work(egs_carrier *carrier, apr_interval_time_t wait)
{
    egs_job *job;

    egs_smtp_work(carrier->smtp, until_next(carrier, wait));
    egs_lookup_work(carrier->lookup);
    while ((job = egs_smtp_finished(carrier->smtp))) {
        settle(carrier, job);
    }
    while ((job = egs_routes_ready(carrier->routes))) {
        find_route(carrier, job->carried);
    }
    take_answers(carrier);
    serve_all(carrier);
}

static egs_job *finished(egs_carrier *carrier)
{
    return egs_jobs_take(&carrier->finished);
}

static const apr_array_header_t *held(const egs_plan *plan, apr_pool_t *pool)
{
    return egs_holds_list(plan->holds, pool);
}

/* What another server has taken is its business. */
static apr_status_t sync_nothing(egs_carrier *carrier, const egs_plan *plan)
{
    (void)carrier;
    (void)plan;
    return APR_SUCCESS;
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
    .finished = finished,
    .held = held,
    .sync = sync_nothing,
    .watch = watch,
};
