/*
 * Mails that wait for a place at their destination. One that has enough of them, or
 * that cannot be reached, is held: the others stay in the database.
 */
#include "mx_carrier.h"

#define WAITING_MAX 4                  /* mails in one destination's queue */
#define HOLD_BUSY apr_time_from_sec(1) /* of one that has them, unless they are gone before */
#define HELD_MAX 16                    /* lanes of one destination whose hold can end before */

/** Mails for one destination that wait for a place. */
struct egs_mx_queue {
    egs_transit *first, **end;
    int count;
    apr_time_t when;                /* no place before */
    int held[HELD_MAX], held_count; /* lanes that it was too long for */
    egs_mx_queue *next;
    egs_destination *destination;
};

/* Its destination cannot be reached, and is left alone. */
static void finish_suspended(egs_carrier *carrier, egs_transit *t, apr_time_t until, const char *why)
{
    egs_hold_lane(t->plan->holds, (egs_hold){ t->job->lane, until, 1 });
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

static egs_transit *take_first(egs_mx_queue *q)
{
    egs_transit *t = q->first;

    q->first = t->next;
    if (!q->first) {
        q->end = &q->first;
    }
    q->count--;
    return t;
}

static void suspend_queue(egs_carrier *carrier, egs_mx_queue *q, apr_time_t until, const char *why)
{
    while (q->first) {
        finish_suspended(carrier, take_first(q), until, why);
    }
}

/* Nobody waits any more: what was held for that may be claimed. */
static void end_holds(egs_mx_queue *q, const egs_plan *plan)
{
    while (q->held_count) {
        egs_unhold_lane(plan->holds, q->held[--q->held_count]);
    }
}

static void serve(egs_carrier *carrier, egs_mx_queue *q)
{
    while (q->first) {
        const char *why = NULL;

        switch (egs_destination_enter(q->destination, &q->when, &why, q->first->job->pool)) {
        case EGS_DESTINATION_OPEN:
            if (q->count == 1) {
                end_holds(q, q->first->plan);
            }
            egs_mx_start(carrier, take_first(q));
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

static void turn_away(egs_carrier *carrier, egs_transit *t, egs_mx_queue *q)
{
    int lane = t->job->lane;

    egs_hold_lane(t->plan->holds, (egs_hold){ lane, egs_clock() + HOLD_BUSY, 0 });
    if (q && q->held_count < HELD_MAX && (!q->held_count || q->held[q->held_count - 1] != lane)) {
        q->held[q->held_count++] = lane;
    }
    egs_mx_finish_as(carrier, t, EGS_RELEASED, NULL, NULL);
}

void egs_mx_enqueue(egs_carrier *carrier, egs_transit *t)
{
    const egs_shape *shape = egs_shape_find(t->plan->shapes, t->route->hosts[0].name);
    const char *key = *shape->suffix ? shape->suffix : t->route->key;
    egs_mx_queue *q;

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

apr_interval_time_t egs_mx_queue_wait(const egs_carrier *carrier, apr_interval_time_t wait)
{
    apr_time_t now = egs_clock();

    for (const egs_mx_queue *q = carrier->queues; q; q = q->next) {
        apr_interval_time_t left = q->when > now ? q->when - now : 0;

        wait = left < wait ? left : wait;
    }
    return wait;
}
