/*
 * A thread with a connection to the database that makes calls for another one.
 */
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>

#include "webhook_clerk.h"

struct egs_clerk {
    apr_pool_t *pool, *scratch; /* the thread's own */
    eg_db *db;
    eg_log log;
    void (*done)(void *baton);
    void *done_baton;
    apr_thread_t *thread;
    int busy;                  /* the other thread's: it waits for an answer */
    apr_thread_mutex_t *mutex; /* for all that follows */
    apr_thread_cond_t *changed;
    egs_clerk_work *work; /* NULL: none, or it has ended */
    void *baton;
    apr_status_t rv;
    int ended; /* rv is an answer that was not taken */
    int stopping;
};

/* Waits for it; NULL when there will be no more. */
static egs_clerk_work *next_work(egs_clerk *clerk)
{
    egs_clerk_work *work;

    apr_thread_mutex_lock(clerk->mutex);
    while (!clerk->work && !clerk->stopping) {
        apr_thread_cond_wait(clerk->changed, clerk->mutex);
    }
    work = clerk->work;
    apr_thread_mutex_unlock(clerk->mutex);
    return work;
}

static void answer(egs_clerk *clerk, apr_status_t rv)
{
    apr_thread_mutex_lock(clerk->mutex);
    clerk->work = NULL;
    clerk->rv = rv;
    clerk->ended = 1;
    apr_thread_mutex_unlock(clerk->mutex);
    clerk->done(clerk->done_baton);
}

static void *APR_THREAD_FUNC run(apr_thread_t *thread, void *baton)
{
    egs_clerk *clerk = baton;
    egs_clerk_work *work;

    (void)thread;
    while ((work = next_work(clerk)) != NULL) {
        apr_status_t rv = work(eg_db_with_pool(clerk->db, clerk->scratch), clerk->baton);

        apr_pool_clear(clerk->scratch);
        answer(clerk, rv);
    }
    return NULL;
}

apr_status_t egs_clerk_start(egs_clerk **clerk, const char *dsn, const eg_log *log, void (*done)(void *baton),
                             void *baton, apr_pool_t *pool)
{
    egs_clerk *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_pool_create_unmanaged_ex(&made->pool, NULL, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->log = *log;
    made->done = done;
    made->done_baton = baton;
    rv = apr_pool_create(&made->scratch, made->pool);
    if (rv == APR_SUCCESS) {
        made->db = eg_db_dedicated(dsn, EG_DB_MIGRATION, &made->log, made->pool);
        rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&made->changed, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_thread_create(&made->thread, NULL, run, made, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(made->pool);
        return rv;
    }
    *clerk = made;
    return APR_SUCCESS;
}

void egs_clerk_ask(egs_clerk *clerk, egs_clerk_work *work, void *baton, eg_log_level level)
{
    apr_thread_mutex_lock(clerk->mutex);
    clerk->work = work;
    clerk->baton = baton;
    clerk->log.level = level;
    apr_thread_cond_signal(clerk->changed);
    apr_thread_mutex_unlock(clerk->mutex);
    clerk->busy = 1;
}

int egs_clerk_is_busy(const egs_clerk *clerk)
{
    return clerk->busy;
}

int egs_clerk_answered(apr_status_t *rv, egs_clerk *clerk)
{
    int ended = 0;

    if (clerk->busy) {
        apr_thread_mutex_lock(clerk->mutex);
        ended = clerk->ended;
        clerk->ended = 0;
        *rv = clerk->rv;
        apr_thread_mutex_unlock(clerk->mutex);
        clerk->busy = !ended;
    }
    return ended;
}

void egs_clerk_stop(egs_clerk *clerk)
{
    apr_status_t rv;

    apr_thread_mutex_lock(clerk->mutex);
    clerk->stopping = 1;
    apr_thread_cond_signal(clerk->changed);
    apr_thread_mutex_unlock(clerk->mutex);
    apr_thread_join(&rv, clerk->thread);
    apr_pool_destroy(clerk->pool);
}
