/*
 * Mails that wait for a place at their destination. One that has enough of them, or
 * that cannot be reached, is held: the others stay in the database.
 */
#include <apr_strings.h>

#include "classify.h"
#include "holds.h"
#include "mx_carrier.h"

#define WAITING_MAX 4                        /* mails in one destination's queue */
#define HOLD_MAX apr_time_from_sec(30)       /* of a lane that a slow destination's queue is too long for */
#define HOLD_STRANGER apr_time_from_sec(5)   /* of a lane whose organisation has its share of places */
#define CROWDED_AGAIN apr_time_from_msec(50) /* strangers have their share: until one may have ended */
#define HELD_MAX 16                          /* lanes of one destination whose hold can end before */

/** Mails for one destination that wait for a place. */
struct egs_mx_queue {
    egs_transit *first, **end;
    int count;
    apr_time_t when;                /* no place before */
    int held[HELD_MAX], held_count; /* lanes that it was too long for */
    egs_mx_queue *next;
    egs_destination *destination;
};

int egs_mx_waiting(const egs_carrier *carrier)
{
    return carrier->begun - carrier->under_way;
}

int egs_mx_may_wait(const egs_carrier *carrier, egs_transit *t)
{
    t->has_waited |=
        egs_mx_waiting(carrier) - carrier->queued <= t->plan->waiting_max; /* it is counted itself */
    return t->has_waited;
}

void egs_mx_turn_away(egs_carrier *carrier, egs_transit *t, apr_interval_time_t hold)
{
    egs_hold_lane((egs_hold){ t->job->lane, egs_clock() + (t->job->content->source ? hold / 10 : hold), 0 });
    egs_mx_finish_as(carrier, t, EGS_RELEASED, NULL, NULL);
}

/* Its destination cannot be reached, and is left alone. */
static void finish_suspended(egs_carrier *carrier, egs_transit *t, apr_time_t until, const char *why)
{
    if (!t->job->content->source) { /* from other addresses it may be reached */
        egs_hold_lane((egs_hold){ t->job->lane, until, 1 });
    }
    egs_mx_finish_as(carrier, t, EGS_DEFERRED, "4.4.1", why);
}

static egs_mx_queue *find_queue(egs_carrier *carrier, egs_destination *destination)
{
    egs_mx_queue *q = carrier->queues;

    while (q && q->destination != destination) {
        q = q->next;
    }
    return q;
}

void egs_mx_wake_queue(egs_carrier *carrier, egs_destination *destination)
{
    egs_mx_queue *q = find_queue(carrier, destination);

    if (q) {
        q->when = 0;
    }
}

static egs_mx_queue *make_queue(egs_carrier *carrier, egs_destination *destination)
{
    egs_mx_queue *q = carrier->unused;

    if (q) {
        carrier->unused = q->next;
    }
    else {
        q = apr_palloc(carrier->pool, sizeof *q);
    }
    *q = (egs_mx_queue){ .destination = destination, .next = carrier->queues };
    q->end = &q->first;
    carrier->queues = q;
    return q;
}

static egs_transit *take_first(egs_carrier *carrier, egs_mx_queue *q)
{
    egs_transit *t = q->first;

    q->first = t->next;
    if (!q->first) {
        q->end = &q->first;
    }
    q->count--;
    carrier->queued--;
    return t;
}

static void suspend_queue(egs_carrier *carrier, egs_mx_queue *q, apr_time_t until, const char *why)
{
    while (q->first) {
        finish_suspended(carrier, take_first(carrier, q), until, why);
    }
}

/* Nobody waits any more: what was held for that may be claimed. */
static void end_holds(egs_mx_queue *q)
{
    while (q->held_count) {
        egs_unhold_lane(q->held[--q->held_count]);
    }
}

/* Whose organisation has its share does not stay: a destination's queue may have others' mails, too. */
static int has_a_place(egs_carrier *carrier, egs_mx_queue *q)
{
    egs_mx_admission admission;

    while (q->first && (admission = egs_mx_admit(carrier, q->first)) != EGS_MX_ADMITTED) {
        if (admission == EGS_MX_CROWDED) {
            q->when = egs_clock() + CROWDED_AGAIN;
            return 0;
        }
        egs_mx_turn_away(carrier, take_first(carrier, q), HOLD_STRANGER);
        if (!q->first) {
            end_holds(q);
        }
    }
    return q->first != NULL;
}

static void serve(egs_carrier *carrier, egs_mx_queue *q)
{
    while (carrier->places > 0 && has_a_place(carrier, q)) {
        const char *why = NULL;

        switch (egs_destination_enter(q->destination, egs_mx_opens(carrier, q->first), &q->when, &why,
                                      q->first->job->pool)) {
        case EGS_DESTINATION_OPEN:
            if (q->count == 1) {
                end_holds(q);
            }
            egs_mx_start(carrier, take_first(carrier, q));
            break;
        case EGS_DESTINATION_BUSY:
            return;
        case EGS_DESTINATION_SUSPENDED:
            suspend_queue(carrier, q, q->when, why);
            return;
        }
    }
}

void egs_mx_serve_all(egs_carrier *carrier)
{
    apr_time_t now = egs_clock();

    for (egs_mx_queue **at = &carrier->queues; *at;) {
        egs_mx_queue *q = *at;

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

/* As long as the queue needs: before, its mails would come only to be given back. */
static apr_interval_time_t hold_for(const egs_mx_queue *q)
{
    apr_interval_time_t hold = q->count * egs_destination_gap(q->destination);

    return hold < EGS_MX_HOLD ? EGS_MX_HOLD : hold < HOLD_MAX ? hold : HOLD_MAX;
}

/* Its queue is long enough; what is held for that may be claimed when it is empty. */
static void turn_away_from(egs_carrier *carrier, egs_transit *t, egs_mx_queue *q)
{
    int lane = t->job->lane;

    if (q->held_count < HELD_MAX && (!q->held_count || q->held[q->held_count - 1] != lane)) {
        q->held[q->held_count++] = lane;
    }
    egs_mx_turn_away(carrier, t, hold_for(q));
}

static int are_of_one(const egs_shape *shapes, const char *left, const char *right)
{
    egs_provider provider = egs_provider_of(left);

    return egs_shape_find(shapes, left) == egs_shape_find(shapes, right) ||
           (provider != EGS_PROVIDER_OTHER && provider == egs_provider_of(right));
}

/* A provider's hosts are one destination: but not where a domain has others beside them, who may do anything. */
static const egs_shape *find_shape(const egs_transit *t)
{
    const egs_route_host *hosts = t->route->hosts;
    const char *name = hosts[0].name;

    for (int i = 1; i < t->route->host_count; i++) {
        if (!are_of_one(t->plan->shapes, hosts[0].name, hosts[i].name)) {
            name = "";
        }
    }
    return egs_shape_find(t->plan->shapes, name);
}

static void find_destination(egs_transit *t)
{
    const egs_shape *shape = find_shape(t);
    const char *key = *shape->suffix ? shape->suffix : t->route->key;

    if (t->job->content->source) { /* what is thought of one address is nothing that others have to bear */
        key = apr_pstrcat(t->job->pool, key, "\n", t->job->content->source, NULL);
    }
    t->is_at_provider = *shape->suffix != '\0';
    t->destination = egs_destination_take(t->plan->destinations, key, shape);
}

void egs_mx_enqueue(egs_carrier *carrier, egs_transit *t)
{
    egs_mx_queue *q;

    find_destination(t);
    q = t->destination ? find_queue(carrier, t->destination) : NULL;
    if (!t->destination) {
        egs_mx_turn_away(carrier, t, EGS_MX_HOLD);
        return;
    }
    if (q && (q->count >= WAITING_MAX)) {
        turn_away_from(carrier, t, q);
        return;
    }
    if (!q) {
        q = make_queue(carrier, t->destination);
    }
    t->next = NULL;
    *q->end = t;
    q->end = &t->next;
    q->count++;
    carrier->queued++;
    serve(carrier, q);
    if (q->first == t && carrier->queued > t->plan->waiting_max) {
        turn_away_from(carrier, take_first(carrier, q), q);
    }
}

static void release(egs_carrier *carrier, egs_transit *first)
{
    egs_transit *next;

    for (egs_transit *t = first; t; t = next) {
        next = t->next;
        egs_mx_finish_as(carrier, t, EGS_RELEASED, NULL, NULL);
    }
}

void egs_mx_recall(egs_carrier *carrier)
{
    egs_jobs without_route = { NULL, NULL };
    egs_job *job;

    for (egs_mx_queue *q = carrier->queues; q; q = q->next) {
        release(carrier, q->first);
        q->first = NULL;
        q->end = &q->first;
        q->count = 0;
    }
    carrier->queued = 0;
    release(carrier, carrier->uncertain);
    carrier->uncertain = NULL;
    if (carrier->lookup) {
        egs_routes_recall(carrier->routes, &without_route);
    }
    while ((job = egs_jobs_take(&without_route))) {
        egs_mx_finish_as(carrier, job->carried, EGS_RELEASED, NULL, NULL);
    }
}

apr_interval_time_t egs_mx_queue_wait(const egs_carrier *carrier, apr_interval_time_t wait)
{
    apr_time_t now = egs_clock();

    for (const egs_mx_queue *q = carrier->queues; q; q = q->next) {
        apr_interval_time_t left = q->when > now ? q->when - now : 0;

        wait = left < wait && carrier->places > 0 ? left : wait;
    }
    return wait;
}
