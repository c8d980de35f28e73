/*
 * What a thread has claimed and not yet told the outcome of: memory and leases.
 */
#include <apr_ring.h>
#include <string.h>

#include "stock.h"
#include "track.h"

/* Bytes of stored contents that are in memory; messages take up to 2.5 times as much. */
#define SMALL_MAX (24 * 1024 * 1024)
#define LARGE_MAX (40 * 1024 * 1024)
#define ASIDE_MAX 16                       /* slices that wait for room, while others are loaded */
#define NO_ROOM_TIME apr_time_from_sec(10) /* until what cannot wait here comes again */
#define COPIES_MAX                                                                                           \
    (8 * 1024 * 1024) /* bytes of stored contents that a slice has as copies for its recipients */

typedef struct batch {
    APR_RING_ENTRY(batch) neighbors;
    apr_pool_t *pool;
    egs_control *control;
    egs_settings *settings;
    egs_job *jobs;
    int count;
    int loaded;  /* the jobs before this one have been, or are set aside */
    int careful; /* load the jobs before this one each alone: some content cannot be read */
    int open;    /* jobs not given back */
} batch;

/* A few large mails that nobody takes must not keep all others from being loaded: their room is apart. */
typedef enum { SMALL, LARGE, ROOMS } room;

struct egs_slice {
    batch *batch;
    apr_pool_t *pool; /* beside the batch's, not below it */
    room room;
    apr_int64_t size; /* of what it has there */
    int open;
};

/* Jobs of a batch that are to be a slice. */
typedef struct {
    batch *batch;
    int first, count;
    room room;
} range;

struct egs_stock {
    APR_RING_HEAD(batches, batch) batches; /* only the last one can have jobs that nobody has looked at */
    range aside[ASIDE_MAX];                /* large slices that did not fit, the first one first */
    int aside_count;
    egs_control *control;
    egs_keyring *keyring;
    eg_db *db;
    const eg_log *log;
    apr_pool_t *pool;
    apr_int64_t cursor;
    apr_int64_t size[ROOMS]; /* of what is loaded */
    apr_time_t renew_at;     /* 0: nothing to renew */
};

egs_stock *egs_stock_new(egs_control *control, egs_keyring *keyring, eg_db *db, const eg_log *log,
                         apr_pool_t *pool)
{
    egs_stock *stock = apr_pcalloc(pool, sizeof *stock);

    APR_RING_INIT(&stock->batches, batch, neighbors);
    stock->control = control;
    stock->keyring = keyring;
    stock->db = db;
    stock->log = log;
    stock->pool = pool;
    return stock;
}

static apr_status_t return_settings(void *baton)
{
    const batch *b = baton;

    egs_control_give(b->control, b->settings);
    return APR_SUCCESS;
}

static apr_status_t make_batch(batch **made, egs_stock *stock)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, stock->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *made = apr_pcalloc(pool, sizeof **made);
    (*made)->pool = pool;
    (*made)->settings = egs_control_take(stock->control);
    (*made)->control = stock->control;
    apr_pool_cleanup_register(pool, *made, return_settings, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

static void plan_renewal(egs_stock *stock, const batch *b)
{
    apr_time_t due = egs_clock() + b->settings->options->lease / 3;

    if (!stock->renew_at || due < stock->renew_at) {
        stock->renew_at = due;
    }
}

apr_status_t egs_stock_claim(egs_stock *stock, int *count, int limit)
{
    const apr_array_header_t *held = NULL;
    batch *b;
    apr_status_t rv = make_batch(&b, stock);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (b->settings->transport->held) {
        held = b->settings->transport->held(b->pool);
    }
    rv = egs_claim(&b->jobs, &b->count, limit, held, &stock->cursor, eg_db_with_pool(stock->db, b->pool),
                   b->settings->options);
    if (rv != APR_SUCCESS || b->count == 0) {
        *count = 0;
        apr_pool_destroy(b->pool);
        return rv;
    }
    *count = b->open = b->count;
    APR_RING_INSERT_TAIL(&stock->batches, b, batch, neighbors);
    plan_renewal(stock, b);
    return APR_SUCCESS;
}

static batch *last_batch(const egs_stock *stock)
{
    return APR_RING_EMPTY(&stock->batches, batch, neighbors) ? NULL : APR_RING_LAST(&stock->batches);
}

int egs_stock_unloaded(const egs_stock *stock)
{
    const batch *b = last_batch(stock);

    return b ? b->count - b->loaded : 0;
}

/* Of the message that others get as well. */
static int has_copy(const egs_job *job)
{
    return job->content && egs_track_has_links(job->content);
}

static apr_int64_t size_of(const egs_job *jobs, int count)
{
    apr_int64_t size = 0;

    for (int i = 0; i < count; i++) {
        if (!i || strcmp(jobs[i].message_id, jobs[i - 1].message_id) || has_copy(&jobs[i])) {
            size += jobs[i].size;
        }
    }
    return size;
}

/* The jobs of a slice, with what is loaded for them. */
static void make_slice(egs_stock *stock, const range *r, int is_loaded, apr_pool_t *pool, egs_jobs *list)
{
    struct egs_slice *slice = apr_palloc(pool, sizeof *slice);
    egs_job *jobs = r->batch->jobs + r->first;

    *slice = (struct egs_slice){ .batch = r->batch, .pool = pool, .room = r->room, .open = r->count };
    slice->size = is_loaded ? size_of(jobs, r->count) : 0;
    stock->size[slice->room] += slice->size;
    for (int i = 0; i < r->count; i++) {
        jobs[i].slice = slice;
        jobs[i].pool = pool;
        egs_jobs_add(list, &jobs[i]);
    }
}

/* Back into the queue as they are. @param wait  until they come due */
static void let_go(egs_stock *stock, const range *r, apr_interval_time_t wait, egs_jobs *released)
{
    apr_pool_t *pool;

    if (r->count > 0 && apr_pool_create(&pool, stock->pool) == APR_SUCCESS) {
        for (int i = r->first; i < r->first + r->count; i++) {
            r->batch->jobs[i].outcome.retry = wait;
        }
        make_slice(stock, r, 0, pool, released);
    }
}

/* The one message that the database cannot give is put off. */
static void put_off(egs_job *job)
{
    job->outcome.result = EGS_DEFERRED;
    job->outcome.text = "the content could not be read from the database";
}

/* As if they had not been loaded. */
static void forget(egs_job *jobs, int count)
{
    for (int i = 0; i < count; i++) {
        jobs[i].content = NULL;
        jobs[i].outcome.result = EGS_RELEASED;
    }
}

/*
 * Recipients with links of their own have a copy each.
 * @return for how many there is room: the others are loaded once more, later
 */
static int keep_copies(egs_job *jobs, int count)
{
    apr_int64_t size = 0;

    for (int i = 0; i < count; i++) {
        size += has_copy(&jobs[i]) ? jobs[i].size : 0;
        if (i && size > COPIES_MAX) {
            forget(jobs + i, count - i);
            return i;
        }
    }
    return count;
}

/* @param r  how many it had room for is set */
static apr_status_t load(egs_stock *stock, range *r, egs_jobs *waiting)
{
    batch *b = r->batch;
    egs_job *jobs = b->jobs + r->first;
    int count = r->count;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, stock->pool);

    r->count = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = egs_load(jobs, count, b->settings->secret, eg_db_with_pool(stock->db, pool));
    if (rv == APR_SUCCESS) {
        count = keep_copies(jobs, count);
    }
    if (rv == APR_SUCCESS && b->settings->options->dkim) {
        rv = egs_keyring_serve(stock->keyring, jobs, count, b->settings->sender_key,
                               eg_db_with_pool(stock->db, pool), stock->log);
    }
    if (rv == EG_DB_REFUSED && count == 1) {
        put_off(jobs);
        rv = APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        r->count = count;
        make_slice(stock, r, 1, pool, waiting);
        return APR_SUCCESS;
    }
    if (rv == EG_DB_REFUSED) {
        b->careful = r->first + count > b->careful ? r->first + count : b->careful;
        rv = APR_SUCCESS;
    }
    apr_pool_destroy(pool);
    return rv;
}

static int fits(const egs_stock *stock, const range *r)
{
    apr_int64_t size = stock->size[r->room];

    return !size ||
           size + size_of(r->batch->jobs + r->first, r->count) <= (r->room == LARGE ? LARGE_MAX : SMALL_MAX);
}

/* What is to be loaded first of a range. */
static range first_of(const range *r)
{
    range first = *r;

    if (r->first < r->batch->careful) {
        first.count = 1;
    }
    return first;
}

/* The next slice of those that nobody has looked at. @return 0: there is none */
static int next_range(range *next, const egs_stock *stock)
{
    batch *b = last_batch(stock);
    egs_job *jobs;

    if (!b || b->loaded == b->count) {
        return 0;
    }
    jobs = b->jobs + b->loaded;
    *next = (range){ .batch = b, .first = b->loaded, .count = egs_slice_count(jobs, b->count - b->loaded) };
    next->room = size_of(jobs, next->count) > EGS_SLICE_MAX ? LARGE : SMALL;
    *next = first_of(next);
    return 1;
}

/* The one that was set aside first, or what is left of it. */
static apr_status_t load_aside(egs_stock *stock, egs_jobs *waiting)
{
    range *r = &stock->aside[0], first = first_of(r);
    apr_status_t rv = load(stock, &first, waiting);

    r->first += first.count;
    r->count -= first.count;
    if (r->count == 0) {
        stock->aside_count--;
        memmove(r, r + 1, (size_t)stock->aside_count * sizeof *r);
    }
    return rv;
}

/* There is no room for a large slice: it waits here, or where many do already in the queue. */
static void set_aside(egs_stock *stock, const range *r, egs_jobs *released)
{
    if (stock->aside_count < ASIDE_MAX) {
        stock->aside[stock->aside_count++] = *r;
    }
    else {
        let_go(stock, r, NO_ROOM_TIME, released);
    }
    r->batch->loaded += r->count;
}

apr_status_t egs_stock_load(egs_stock *stock, egs_jobs *waiting, egs_jobs *released)
{
    range next;
    apr_status_t rv;

    if (stock->aside_count && fits(stock, &stock->aside[0])) {
        return load_aside(stock, waiting);
    }
    while (next_range(&next, stock) && !fits(stock, &next)) {
        if (next.room == SMALL) {
            return APR_SUCCESS;
        }
        set_aside(stock, &next, released);
    }
    if (!next_range(&next, stock)) {
        return APR_SUCCESS;
    }
    rv = load(stock, &next, waiting);
    next.batch->loaded += next.count;
    return rv;
}

void egs_stock_unload(egs_stock *stock, egs_jobs *released)
{
    batch *b = last_batch(stock);

    for (int i = 0; i < stock->aside_count; i++) {
        let_go(stock, &stock->aside[i], 0, released);
    }
    stock->aside_count = 0;
    if (b) {
        range rest = { .batch = b, .first = b->loaded, .count = b->count - b->loaded, .room = SMALL };

        let_go(stock, &rest, 0, released);
        b->loaded = b->count;
    }
}

/* Those of a batch that have had a third of their lease, or all of them. */
static apr_status_t renew_batch(int *asked, egs_stock *stock, batch *b, int all, apr_pool_t *scratch)
{
    apr_interval_time_t lease = b->settings->options->lease;
    egs_job **jobs = apr_palloc(scratch, (apr_size_t)b->count * sizeof *jobs);
    apr_time_t now = egs_clock();
    int count = 0;

    for (int i = 0; i < b->count; i++) {
        egs_job *job = &b->jobs[i];

        if (!job->given_back && job->lease_end && (all || job->lease_end - now < lease - lease / 3)) {
            jobs[count++] = job;
        }
    }
    plan_renewal(stock, b);
    *asked += count;
    return count ? egs_renew(jobs, count, eg_db_with_pool(stock->db, scratch), b->settings->options)
                 : APR_SUCCESS;
}

apr_status_t egs_stock_renew(int *count, egs_stock *stock, int all)
{
    apr_time_t due = stock->renew_at;
    apr_status_t rv = APR_SUCCESS;
    apr_pool_t *scratch;
    batch *b;

    *count = 0;
    if (!stock->renew_at || (!all && egs_clock() < stock->renew_at) ||
        apr_pool_create(&scratch, stock->pool) != APR_SUCCESS) {
        return APR_SUCCESS;
    }
    stock->renew_at = 0;
    APR_RING_FOREACH(b, &stock->batches, batch, neighbors)
    {
        if (rv == APR_SUCCESS) {
            rv = renew_batch(count, stock, b, all, scratch);
        }
    }
    if (rv != APR_SUCCESS) {
        stock->renew_at = due;
    }
    apr_pool_destroy(scratch);
    return rv;
}

/* A lease is renewed when a third of it is over, and given up for lost when two are. */
apr_time_t egs_stock_over_at(const egs_stock *stock)
{
    const batch *b = last_batch(stock);

    return b && stock->renew_at ? stock->renew_at + b->settings->options->lease / 3 : 0;
}

apr_status_t egs_stock_ask(egs_stock *stock)
{
    egs_settings *settings = egs_control_take(stock->control);
    apr_pool_t *scratch;
    apr_status_t rv = apr_pool_create(&scratch, stock->pool);

    if (rv == APR_SUCCESS) {
        rv = egs_renew(NULL, 0, eg_db_with_pool(stock->db, scratch), settings->options);
        apr_pool_destroy(scratch);
    }
    egs_control_give(stock->control, settings);
    return rv;
}

const egs_settings *egs_stock_settings(const egs_job *job)
{
    return job->slice->batch->settings;
}

void egs_stock_give_back(egs_stock *stock, egs_job *job)
{
    struct egs_slice *slice = job->slice;
    batch *b = slice->batch;

    job->given_back = 1;
    if (--slice->open == 0) {
        stock->size[slice->room] -= slice->size;
        apr_pool_destroy(slice->pool);
    }
    if (--b->open == 0) {
        APR_RING_REMOVE(b, neighbors);
        apr_pool_destroy(b->pool);
    }
}
