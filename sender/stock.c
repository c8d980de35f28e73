/*
 * What a thread has claimed and not yet told the outcome of: memory and leases.
 */
#include <apr_ring.h>
#include <string.h>

#include "stock.h"
#include "track.h"

#define LOADED_MAX (64 * 1024 * 1024) /* bytes of stored contents; messages take up to 2.5 times as much */
#define COPIES_MAX                                                                                           \
    (8 * 1024 * 1024) /* bytes of stored contents that a slice has as copies for its recipients */

typedef struct batch {
    APR_RING_ENTRY(batch) neighbors;
    apr_pool_t *pool;
    egs_control *control;
    egs_settings *settings;
    egs_job *jobs;
    int count;
    int loaded;  /* the jobs before this one have been */
    int careful; /* load the jobs before this one each alone: some content cannot be read */
    int open;    /* jobs not given back */
} batch;

struct egs_slice {
    batch *batch;
    apr_pool_t *pool; /* beside the batch's, not below it */
    apr_int64_t size;
    int open;
};

struct egs_stock {
    APR_RING_HEAD(batches, batch) batches; /* only the last one can have jobs not loaded */
    egs_control *control;
    egs_keyring *keyring;
    eg_db *db;
    const eg_log *log;
    apr_pool_t *pool;
    apr_int64_t cursor;
    apr_int64_t size;    /* of what is loaded */
    apr_time_t renew_at; /* 0: nothing to renew */
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

/* The jobs of a slice, loaded or not to be: out of the batch. */
static void take_slice(egs_stock *stock, batch *b, apr_pool_t *pool, int count, egs_jobs *list)
{
    struct egs_slice *slice = apr_palloc(pool, sizeof *slice);

    *slice = (struct egs_slice){ .batch = b, .pool = pool, .open = count };
    slice->size = size_of(b->jobs + b->loaded, count);
    stock->size += slice->size;
    for (int i = 0; i < count; i++) {
        egs_job *job = &b->jobs[b->loaded++];

        job->slice = slice;
        job->pool = pool;
        egs_jobs_add(list, job);
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

static apr_status_t load(egs_stock *stock, batch *b, int count, egs_jobs *waiting)
{
    egs_job *jobs = b->jobs + b->loaded;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, stock->pool);

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
        take_slice(stock, b, pool, count, waiting);
        return APR_SUCCESS;
    }
    if (rv == EG_DB_REFUSED) {
        b->careful = b->loaded + count;
        rv = APR_SUCCESS;
    }
    apr_pool_destroy(pool);
    return rv;
}

apr_status_t egs_stock_load(egs_stock *stock, egs_jobs *waiting)
{
    batch *b = last_batch(stock);
    int count;

    if (!b || b->loaded == b->count) {
        return APR_SUCCESS;
    }
    count = b->loaded < b->careful ? 1 : egs_slice_count(b->jobs + b->loaded, b->count - b->loaded);
    if (stock->size && stock->size + size_of(b->jobs + b->loaded, count) > LOADED_MAX) {
        return APR_SUCCESS;
    }
    return load(stock, b, count, waiting);
}

void egs_stock_unload(egs_stock *stock, egs_jobs *released)
{
    batch *b = last_batch(stock);
    apr_pool_t *pool;

    if (b && b->loaded < b->count && apr_pool_create(&pool, stock->pool) == APR_SUCCESS) {
        take_slice(stock, b, pool, b->count - b->loaded, released);
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
        stock->size -= slice->size;
        apr_pool_destroy(slice->pool);
    }
    if (--b->open == 0) {
        APR_RING_REMOVE(b, neighbors);
        apr_pool_destroy(b->pool);
    }
}
