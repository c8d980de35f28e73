#include "sts.h"

#include <string.h>

#include <apr_ring.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "job.h"
#include "sts_store.h"

#define DOMAINS_MAX 16384
#define BYTES_MAX (16 * 1024 * 1024)    /* of policies; one with five hosts has some 100 */
#define READ_AT_ONCE 256                /* domains whose stored policies are read with one call */
#define READ_AGAIN apr_time_from_sec(1) /* after a call that failed */
#define PAUSE apr_time_from_msec(200)   /* after which a thread looks whether to stop */

/** One who wants to know of answers. */
typedef struct listener {
    APR_RING_ENTRY(listener) place;
    void (*notify)(void *baton);
    void *baton;
    egs_sts *of;
} listener;

struct egs_sts {
    apr_thread_mutex_t *mutex; /* for cache and wanted */
    apr_thread_cond_t *wanted;
    egs_sts_cache *cache;
    apr_thread_mutex_t *listening; /* for the listeners; never with the other one */
    APR_RING_HEAD(listeners, listener) listeners;
};

/** What one thread works with. */
typedef struct {
    egs_sts *sts;
    egs_control *control;
    egs_settings *settings; /* in force when this round began */
    eg_log log;
    eg_db *db;
    apr_time_t read_at; /* no call for stored policies before */
    int is_idle;        /* nothing could be begun in this round */
    int has_failed;     /* no look could be made in the last round */
    apr_pool_t *pool;   /* of this round */
} looker;

static egs_sts *of_process; /* set before the threads are started */

/* ---- for everybody ------------------------------------------------------------------ */

static apr_status_t forget(void *unused)
{
    (void)unused;
    of_process = NULL;
    return APR_SUCCESS;
}

apr_status_t egs_sts_start(apr_pool_t *pool)
{
    egs_sts *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = egs_sts_fetch_start(pool);
    apr_pool_t *own; /* the cache's: it grows under its mutex, and pool is used by others meanwhile */

    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_mutex_create(&made->listening, APR_THREAD_MUTEX_DEFAULT, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&made->wanted, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&own, pool);
    }
    if (rv == APR_SUCCESS) {
        made->cache = egs_sts_cache_new(DOMAINS_MAX, BYTES_MAX, own);
        APR_RING_INIT(&made->listeners, listener, place);
        apr_pool_cleanup_register(pool, NULL, forget, apr_pool_cleanup_null);
        of_process = made;
    }
    return rv;
}

egs_sts *egs_sts_of_process(void)
{
    return of_process;
}

egs_sts_state egs_sts_find(egs_sts *sts, const char *domain, egs_sts_policy *policy,
                           apr_interval_time_t patience, apr_pool_t *pool)
{
    egs_sts_state state;
    int due;

    apr_thread_mutex_lock(sts->mutex);
    state = egs_sts_cache_find(sts->cache, &due, domain, policy, patience, egs_clock(), pool);
    if (due) {
        apr_thread_cond_signal(sts->wanted);
    }
    apr_thread_mutex_unlock(sts->mutex);
    return state;
}

static apr_status_t leave(void *baton)
{
    listener *one = baton;

    apr_thread_mutex_lock(one->of->listening);
    APR_RING_REMOVE(one, place);
    apr_thread_mutex_unlock(one->of->listening);
    return APR_SUCCESS;
}

void egs_sts_on_answer(egs_sts *sts, void (*notify)(void *baton), void *baton, apr_pool_t *pool)
{
    listener *made = apr_pcalloc(pool, sizeof *made);

    made->notify = notify;
    made->baton = baton;
    made->of = sts;
    apr_thread_mutex_lock(sts->listening);
    APR_RING_INSERT_TAIL(&sts->listeners, made, listener, place);
    apr_thread_mutex_unlock(sts->listening);
    apr_pool_cleanup_register(pool, made, leave, apr_pool_cleanup_null);
}

/* ---- the threads -------------------------------------------------------------------- */

static void notify_all(egs_sts *sts)
{
    listener *one;

    apr_thread_mutex_lock(sts->listening);
    APR_RING_FOREACH(one, &sts->listeners, listener, place)
    {
        one->notify(one->baton);
    }
    apr_thread_mutex_unlock(sts->listening);
}

/* What is found and what is lost is told once; a fetch that fails each time, as seldom as it is tried. */
static void tell(const looker *me, const egs_sts_lookup *lookup, egs_sts_change change)
{
    if (lookup->outcome == EGS_STS_FAILED) {
        eg_log_at(&me->log, EG_LOG_WARN, APR_SUCCESS, EGLOGNO(0421) "MTA-STS: no policy of %s from %s: %s",
                  lookup->domain, egs_sts_url(lookup->domain, me->settings->options, lookup->pool),
                  lookup->problem);
    }
    if (change == EGS_STS_LOST) {
        eg_log_at(&me->log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0422) "MTA-STS: the policy of %s is over, and there is no other: %s",
                  lookup->domain, lookup->problem != NULL ? lookup->problem : "its record has not changed");
    }
    if (change == EGS_STS_NEW || change == EGS_STS_CHANGED) {
        eg_log_at(&me->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0420) "MTA-STS: %s policy of %s, id %s: mode %s for %" APR_INT64_T_FMT " s, mx %s",
                  change == EGS_STS_NEW ? "new" : "changed", lookup->domain, lookup->id,
                  egs_sts_mode_name(lookup->policy.mode), apr_time_sec(lookup->policy.max_age),
                  apr_array_pstrcat(lookup->pool, lookup->policy.mx, ','));
    }
}

/* ... -> answered -> stored */
static void take_answer(void *baton, egs_sts_lookup *lookup)
{
    looker *me = baton;
    egs_sts_change change;

    apr_thread_mutex_lock(me->sts->mutex);
    change = egs_sts_cache_answer(me->sts->cache, lookup, me->settings->options->sts_interval, egs_clock());
    apr_thread_mutex_unlock(me->sts->mutex);
    tell(me, lookup, change);
    notify_all(me->sts);
    egs_sts_store_put(eg_db_with_pool(me->db, lookup->pool), lookup);
    apr_pool_destroy(lookup->pool);
}

static int is_stopping(void *baton)
{
    return egs_control_stopping(((looker *)baton)->control);
}

static const egs_sts_kept *find_stored(const egs_sts_stored *stored, int count, const char *domain)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(stored[i].domain, domain) == 0) {
            return &stored[i].kept;
        }
    }
    return NULL;
}

/* What others have fetched, or this sender before it was started anew. */
static void read_some(looker *me, const char *const *domains, int count, apr_pool_t *pool)
{
    egs_sts *sts = me->sts;
    egs_sts_stored *stored = NULL;
    int found = 0;
    apr_status_t rv = egs_sts_store_get(&stored, &found, eg_db_with_pool(me->db, pool), domains, count);

    me->read_at = rv == APR_SUCCESS ? 0 : egs_clock() + READ_AGAIN;
    apr_thread_mutex_lock(sts->mutex);
    for (int i = 0; i < count; i++) {
        if (rv == APR_SUCCESS) {
            egs_sts_cache_read(sts->cache, domains[i], find_stored(stored, found, domains[i]), egs_clock());
        }
        else {
            egs_sts_cache_reread(sts->cache, domains[i]);
        }
    }
    apr_thread_mutex_unlock(sts->mutex);
    if (found > 0) {
        notify_all(sts);
    }
}

static void read_unread(looker *me)
{
    const char *domains[READ_AT_ONCE];
    apr_pool_t *pool;
    int count;

    if (egs_clock() < me->read_at || apr_pool_create(&pool, me->pool) != APR_SUCCESS) {
        return;
    }
    apr_thread_mutex_lock(me->sts->mutex);
    count = egs_sts_cache_unread(me->sts->cache, domains, READ_AT_ONCE, pool);
    apr_thread_mutex_unlock(me->sts->mutex);
    if (count > 0) {
        read_some(me, domains, count, pool);
    }
    apr_pool_destroy(pool);
}

/* wanted -> read -> taken -> ... Other settings need another round. */
static egs_sts_lookup *take_next(void *baton)
{
    looker *me = baton;
    egs_sts_lookup *lookup;

    if (!egs_control_is_current(me->control, me->settings)) {
        return NULL;
    }
    read_unread(me);
    apr_thread_mutex_lock(me->sts->mutex);
    lookup = egs_sts_cache_take(me->sts->cache, egs_clock(), me->pool);
    apr_thread_mutex_unlock(me->sts->mutex);
    me->is_idle &= lookup == NULL;
    return lookup;
}

/* A while at most. @return is there something to do? */
static int wait_for_wanted(const looker *me)
{
    egs_sts *sts = me->sts;
    int is_wanted;

    apr_thread_mutex_lock(sts->mutex);
    if (me->is_idle || !egs_sts_cache_is_wanted(sts->cache)) {
        apr_thread_cond_timedwait(sts->wanted, sts->mutex, PAUSE);
    }
    is_wanted = egs_sts_cache_is_wanted(sts->cache);
    apr_thread_mutex_unlock(sts->mutex);
    return is_wanted;
}

static void run_round(looker *me)
{
    const egs_sts_observer observer = {
        .next = take_next, .done = take_answer, .stopping = is_stopping, .baton = me
    };
    apr_status_t rv;

    me->is_idle = 1;
    rv = egs_sts_fetch(me->settings->options, &observer, me->pool);
    if (rv != APR_SUCCESS && !me->has_failed) {
        eg_log_at(&me->log, EG_LOG_ERR, rv,
                  EGLOGNO(0477) "MTA-STS: no domain can be looked at: mails to those that were not yet wait");
    }
    me->has_failed = rv != APR_SUCCESS;
}

void egs_sts_run(egs_control *control, const char *dsn)
{
    looker me = { .sts = of_process, .control = control };
    apr_pool_t *pool;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return;
    }
    me.log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO);
    me.db = eg_db_dedicated(dsn, EG_DB_MIGRATION, &me.log, pool);
    while (!egs_control_stopping(control)) {
        me.settings = egs_control_take(control);
        me.log.level = me.settings->options->log_level;
        if (wait_for_wanted(&me) && apr_pool_create(&me.pool, pool) == APR_SUCCESS) {
            run_round(&me);
            apr_pool_destroy(me.pool);
        }
        egs_control_give(control, me.settings);
    }
    apr_pool_destroy(pool);
}
