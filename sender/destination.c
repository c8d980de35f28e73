/*
 * Destinations. What one may have grows with what it takes and shrinks with
 * what it asks to be spared: half of the places and twice the time between two
 * mails. Who cannot be reached is left alone for longer each time, then tried by
 * a single mail.
 */
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "destination.h"

#define COUNT_MAX 10000                   /* destinations that are remembered without any mail for them */
#define PLACES_FIRST 3                    /* of one that nothing is known of */
#define FAILURES_MAX 3                    /* connections in a row that fail: then it is left alone */
#define LOOK_AGAIN apr_time_from_msec(50) /* at a place that another thread may have given up */
#define GAP_FIRST apr_time_from_msec(500) /* between two mails after the first "slow down" */
#define GAP_MAX apr_time_from_sec(60)
#define MINUTE apr_time_from_sec(60)
#define WHY_MAX 200 /* bytes */

struct egs_destination {
    char *key;
    const egs_shape *shape;
    apr_thread_mutex_t *mutex; /* that of all */
    int users;
    int running;
    double places;           /* 1 to what the shape allows */
    apr_interval_time_t gap; /* between two mails */
    apr_time_t next;         /* no mail begins before */
    apr_time_t shrunk;       /* when it was last slowed down */
    apr_time_t opened;       /* the time that the connections opened so far are good for */
    int has_answered;        /* since it last could not be reached */
    int failures;            /* connections that failed since the last that did not */
    int suspensions;         /* since it was last reached */
    apr_time_t until;        /* of the suspension */
    char why[WHY_MAX];
    const egs_durations *durations;
};

struct egs_destinations {
    apr_thread_mutex_t *mutex;
    apr_hash_t *all; /* key -> egs_destination */
    const egs_durations *suspensions;
};

const egs_shape *egs_shape_find(const egs_shape *shapes, const char *host)
{
    size_t length = strlen(host);

    for (;; shapes++) {
        size_t suffix = strlen(shapes->suffix);

        if (suffix == 0 || (length >= suffix && !strcasecmp(host + length - suffix, shapes->suffix) &&
                            (length == suffix || host[length - suffix - 1] == '.'))) {
            return shapes;
        }
    }
}

static apr_status_t free_all(void *baton)
{
    const egs_destinations *all = baton;

    for (apr_hash_index_t *at = apr_hash_first(NULL, all->all); at; at = apr_hash_next(at)) {
        egs_destination *d = apr_hash_this_val(at);

        free(d->key);
        free(d);
    }
    return APR_SUCCESS;
}

egs_destinations *egs_destinations_new(const egs_durations *suspensions, apr_pool_t *pool)
{
    egs_destinations *all = apr_pcalloc(pool, sizeof *all);

    if (apr_thread_mutex_create(&all->mutex, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS) {
        return NULL;
    }
    all->all = apr_hash_make(pool);
    all->suspensions = suspensions;
    apr_pool_cleanup_register(pool, all, free_all, apr_pool_cleanup_null);
    return all;
}

/* ---- which there are ------------------------------------------------------------------ */

static apr_interval_time_t shortest_gap(const egs_shape *shape)
{
    return shape->rate ? apr_time_from_sec(1) / shape->rate : 0;
}

static egs_destination *make_destination(egs_destinations *all, const char *key, const egs_shape *shape)
{
    egs_destination *d = calloc(1, sizeof *d);

    if (!d || !(d->key = strdup(key))) {
        free(d);
        return NULL;
    }
    d->shape = shape;
    d->mutex = all->mutex;
    d->places = shape->connections < PLACES_FIRST ? shape->connections : PLACES_FIRST;
    d->gap = shortest_gap(shape);
    d->durations = all->suspensions;
    apr_hash_set(all->all, d->key, APR_HASH_KEY_STRING, d);
    return d;
}

/* Too many are remembered: those that nobody uses, and that are as they were made. */
static void forget(egs_destinations *all)
{
    apr_time_t now = egs_clock();

    for (apr_hash_index_t *at = apr_hash_first(NULL, all->all); at; at = apr_hash_next(at)) {
        egs_destination *d = apr_hash_this_val(at);

        if (!d->users && now >= d->until && now >= d->next + GAP_MAX) {
            apr_hash_set(all->all, d->key, APR_HASH_KEY_STRING, NULL);
            free(d->key);
            free(d);
        }
    }
}

egs_destination *egs_destination_take(egs_destinations *all, const char *key, const egs_shape *shape)
{
    egs_destination *d;

    apr_thread_mutex_lock(all->mutex);
    d = apr_hash_get(all->all, key, APR_HASH_KEY_STRING);
    if (!d) {
        if (apr_hash_count(all->all) >= COUNT_MAX) {
            forget(all);
        }
        d = make_destination(all, key, shape);
    }
    if (d) {
        d->users++;
    }
    apr_thread_mutex_unlock(all->mutex);
    return d;
}

void egs_destination_give_back(egs_destinations *all, egs_destination *d)
{
    apr_thread_mutex_lock(all->mutex);
    d->users--;
    apr_thread_mutex_unlock(all->mutex);
}

/* ---- what they may have ----------------------------------------------------------------- */

/* After a suspension a single mail finds out. */
static int places_now(const egs_destination *d)
{
    return d->suspensions ? 1 : (int)d->places;
}

/* A minute's worth at once, then one by one. */
static apr_time_t may_open(const egs_destination *d)
{
    int most = d->shape->new_connections;

    return most ? d->opened - MINUTE + MINUTE / most : 0;
}

static void note_opening(egs_destination *d, apr_time_t now)
{
    if (d->shape->new_connections) {
        d->opened = (d->opened > now ? d->opened : now) + MINUTE / d->shape->new_connections;
    }
}

egs_destination_state egs_destination_enter(egs_destination *d, int opens, apr_time_t *when, const char **why,
                                            apr_pool_t *pool)
{
    egs_destination_state state = EGS_DESTINATION_BUSY;
    apr_time_t now = egs_clock();

    apr_thread_mutex_lock(d->mutex);
    if (now < d->until) {
        state = EGS_DESTINATION_SUSPENDED;
        *when = d->until;
        *why = apr_pstrdup(pool, d->why);
    }
    else if (d->running >= places_now(d)) {
        *when = now + LOOK_AGAIN;
    }
    else if (now < d->next) {
        *when = d->next;
    }
    else if (opens && now < may_open(d)) {
        *when = may_open(d);
    }
    else {
        state = EGS_DESTINATION_OPEN;
        if (opens) {
            note_opening(d, now);
        }
        d->running++;
        d->next = (now > d->next + d->gap ? now : d->next) + d->gap; /* one gap may be caught up */
    }
    apr_thread_mutex_unlock(d->mutex);
    return state;
}

static void grow(egs_destination *d)
{
    apr_interval_time_t least = shortest_gap(d->shape);

    d->failures = d->suspensions = 0;
    d->places =
        d->places + 1 / d->places < d->shape->connections ? d->places + 1 / d->places : d->shape->connections;
    d->gap -= d->gap / 8 + 1;
    d->gap = d->gap > least ? d->gap : least;
}

/* Once for all that were under way: what began before it was last slowed down says nothing new. */
static void shrink(egs_destination *d, apr_time_t begun)
{
    apr_time_t now = egs_clock();

    if (begun <= d->shrunk) {
        return;
    }
    d->shrunk = now;
    d->failures = d->suspensions = 0;
    d->places = d->places > 2 ? d->places / 2 : 1;
    d->gap = d->gap * 2 > GAP_FIRST ? d->gap * 2 : GAP_FIRST;
    d->gap = d->gap < GAP_MAX ? d->gap : GAP_MAX;
    d->next = now + d->gap;
}

static void suspend(egs_destination *d, const char *why)
{
    int step = d->suspensions < d->durations->count ? d->suspensions : d->durations->count - 1;

    d->until = egs_clock() + d->durations->each[step];
    d->suspensions++;
    d->failures = 0;
    apr_cpystrn(d->why, why, sizeof d->why);
}

apr_interval_time_t egs_destination_gap(egs_destination *d)
{
    apr_interval_time_t gap;

    apr_thread_mutex_lock(d->mutex);
    gap = d->gap;
    apr_thread_mutex_unlock(d->mutex);
    return gap;
}

int egs_destination_has_answered(egs_destination *d)
{
    int has_answered;

    apr_thread_mutex_lock(d->mutex);
    has_answered = d->has_answered;
    apr_thread_mutex_unlock(d->mutex);
    return has_answered;
}

void egs_destination_leave(egs_destination *d, egs_left how, apr_time_t begun, const char *why)
{
    apr_thread_mutex_lock(d->mutex);
    d->running--;
    d->has_answered = how == EGS_LEFT_UNTRIED ? d->has_answered : how != EGS_LEFT_UNREACHABLE;
    switch (how) {
    case EGS_LEFT_WELL:
        grow(d);
        break;
    case EGS_LEFT_SLOW_DOWN:
        shrink(d, begun);
        break;
    case EGS_LEFT_UNREACHABLE:
        /* Those that began before it was left alone say nothing new. */
        if (egs_clock() >= d->until && (++d->failures >= FAILURES_MAX || d->suspensions)) {
            suspend(d, why);
        }
        break;
    case EGS_LEFT_UNTRIED:
        break;
    }
    apr_thread_mutex_unlock(d->mutex);
}
