/*
 * Rendering and signing, on threads of their own for all workers.
 */
#include <apr_ring.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_proc.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "signing.h"
#include "stock.h"

#define MEMORY_KEPT (8 * 1024 * 1024) /* bytes that are kept for parcels to come */

/* A message with its jobs. */
typedef struct parcel {
    APR_RING_ENTRY(parcel) neighbors;
    egs_desk *desk;
    egs_jobs jobs;
    int count;
    apr_pool_t *pool; /* of its own: it is filled on another thread than its slice's */
} parcel;

struct egs_signers {
    apr_thread_mutex_t *mutex;  /* for all that follows, and for the desks' shared part */
    apr_thread_cond_t *arrived; /* a parcel, or the end */
    APR_RING_HEAD(parcels, parcel) waiting;
    int stopping;
    egs_control *control;
    egs_keyring *keyring;
    apr_allocator_t *memory; /* of all parcels; has a mutex of its own */
    apr_thread_t **threads;
    int count;
};

struct egs_desk {
    egs_signers *signers;
    int fd;
    int out;                 /* the worker's: jobs handed over and not taken back */
    egs_jobs done;           /* shared from here on */
    int done_count;          /* jobs */
    int in_work;             /* parcels on a thread */
    apr_thread_cond_t *idle; /* none is any more */
};

/* ---- the threads ------------------------------------------------------------------------- */

static void render(const parcel *p, egs_control *control)
{
    const egs_settings *settings = egs_stock_settings(p->jobs.first);
    eg_log log = egs_senderlog_view(egs_control_log(control), settings->options->log_level);

    for (egs_job *job = p->jobs.first; job; job = job->next) {
        egs_render(job, settings->secret, settings->options->dkim, &log, p->pool);
    }
}

/* To the end of the first list; it is known how many they are. */
static void move_jobs(egs_jobs *to, egs_jobs *from)
{
    if (!from->first) {
        return;
    }
    if (to->first) {
        to->last->next = from->first;
    }
    else {
        to->first = from->first;
    }
    to->last = from->last;
    from->first = NULL;
}

/* The worker is woken by the first of what it has to take back. */
static void put_down(parcel *p)
{
    egs_desk *desk = p->desk;

    if (!desk->done_count) {
        eventfd_write(desk->fd, 1);
    }
    desk->done_count += p->count;
    move_jobs(&desk->done, &p->jobs);
    if (--desk->in_work == 0) {
        apr_thread_cond_signal(desk->idle);
    }
}

static void *APR_THREAD_FUNC sign(apr_thread_t *thread, void *baton)
{
    egs_signers *signers = baton;

    (void)thread;
    apr_thread_mutex_lock(signers->mutex);
    while (!signers->stopping) {
        parcel *p;

        if (APR_RING_EMPTY(&signers->waiting, parcel, neighbors)) {
            apr_thread_cond_wait(signers->arrived, signers->mutex);
            continue;
        }
        p = APR_RING_FIRST(&signers->waiting);
        APR_RING_REMOVE(p, neighbors);
        p->desk->in_work++;
        apr_thread_mutex_unlock(signers->mutex);
        render(p, signers->control);
        apr_thread_mutex_lock(signers->mutex);
        put_down(p);
    }
    apr_thread_mutex_unlock(signers->mutex);
    return NULL;
}

static apr_status_t destroy_memory(void *memory)
{
    apr_allocator_destroy(memory);
    return APR_SUCCESS;
}

/* Parcels come and go by the thousand a second: what each asked the system for would cost more than itself. */
static apr_status_t make_memory(egs_signers *signers, apr_pool_t *pool)
{
    apr_thread_mutex_t *mutex;
    apr_status_t rv = apr_allocator_create(&signers->memory);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_pool_cleanup_register(pool, signers->memory, destroy_memory, apr_pool_cleanup_null);
    apr_allocator_max_free_set(signers->memory, MEMORY_KEPT);
    rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    if (rv == APR_SUCCESS) {
        apr_allocator_mutex_set(signers->memory, mutex);
    }
    return rv;
}

apr_status_t egs_signers_start(egs_signers **signers, egs_control *control, int threads, apr_pool_t *pool)
{
    egs_signers *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    APR_RING_INIT(&made->waiting, parcel, neighbors);
    made->control = control;
    made->threads = apr_pcalloc(pool, (apr_size_t)threads * sizeof *made->threads);
    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&made->arrived, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = make_memory(made, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = egs_keyring_new(&made->keyring, pool);
    }
    while (rv == APR_SUCCESS && made->count < threads) {
        rv = apr_thread_create(&made->threads[made->count], NULL, sign, made, pool);
        made->count += rv == APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        egs_signers_stop(made);
        return rv;
    }
    *signers = made;
    return APR_SUCCESS;
}

void egs_signers_stop(egs_signers *signers)
{
    apr_status_t ended;

    if (!signers->count) {
        return;
    }
    apr_thread_mutex_lock(signers->mutex);
    signers->stopping = 1;
    apr_thread_cond_broadcast(signers->arrived);
    apr_thread_mutex_unlock(signers->mutex);
    for (int i = 0; i < signers->count; i++) {
        apr_thread_join(&ended, signers->threads[i]);
    }
}

egs_keyring *egs_signers_keyring(egs_signers *signers)
{
    return signers->keyring;
}

/* ---- a worker's desk ------------------------------------------------------------------------ */

static apr_status_t close_fd(void *baton)
{
    const egs_desk *desk = baton;

    close(desk->fd);
    return APR_SUCCESS;
}

apr_status_t egs_desk_open(egs_desk **desk, egs_signers *signers, apr_pool_t *pool)
{
    egs_desk *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_thread_cond_create(&made->idle, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->signers = signers;
    made->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (made->fd < 0) {
        return errno;
    }
    apr_pool_cleanup_register(pool, made, close_fd, apr_pool_cleanup_null);
    *desk = made;
    return APR_SUCCESS;
}

int egs_desk_fd(const egs_desk *desk)
{
    return desk->fd;
}

int egs_desk_count(const egs_desk *desk)
{
    return desk->out;
}

static apr_status_t destroy_pool(void *pool)
{
    apr_pool_destroy(pool);
    return APR_SUCCESS;
}

/* Its pool goes with the slice. */
static parcel *make_parcel(egs_desk *desk, const egs_job *job)
{
    apr_pool_t *pool;
    parcel *p;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, desk->signers->memory) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_cleanup_register(job->pool, pool, destroy_pool, apr_pool_cleanup_null);
    p = apr_pcalloc(pool, sizeof *p);
    p->desk = desk;
    p->pool = pool;
    return p;
}

static void enqueue(egs_signers *signers, parcel *p)
{
    apr_thread_mutex_lock(signers->mutex);
    APR_RING_INSERT_TAIL(&signers->waiting, p, parcel, neighbors);
    apr_thread_cond_signal(signers->arrived);
    apr_thread_mutex_unlock(signers->mutex);
}

/* Jobs of one message stand together. */
static int same_message(const egs_job *a, const egs_job *b)
{
    return a->account_id == b->account_id && !strcmp(a->message_id, b->message_id);
}

void egs_desk_hand_over(egs_desk *desk, egs_jobs *loaded)
{
    while (loaded->first) {
        parcel *p = make_parcel(desk, loaded->first);

        if (!p) {
            return;
        }
        do {
            egs_jobs_add(&p->jobs, egs_jobs_take(loaded));
            p->count++;
        } while (loaded->first && same_message(loaded->first, p->jobs.first));
        desk->out += p->count;
        enqueue(desk->signers, p);
    }
}

static void empty(egs_desk *desk, egs_jobs *list)
{
    eventfd_t unused;

    if (desk->done_count) {
        eventfd_read(desk->fd, &unused);
        move_jobs(list, &desk->done);
        desk->out -= desk->done_count;
        desk->done_count = 0;
    }
}

int egs_desk_collect(egs_desk *desk, egs_jobs *ready)
{
    int before = desk->out;

    if (desk->out) {
        apr_thread_mutex_lock(desk->signers->mutex);
        empty(desk, ready);
        apr_thread_mutex_unlock(desk->signers->mutex);
    }
    return before - desk->out;
}

void egs_desk_wait(const egs_desk *desk, apr_interval_time_t wait)
{
    struct pollfd fd = { .fd = desk->fd, .events = POLLIN };

    poll(&fd, 1, (int)((wait + 999) / 1000));
}

void egs_desk_recall(egs_desk *desk, egs_jobs *released)
{
    egs_signers *signers = desk->signers;
    parcel *p, *next;

    apr_thread_mutex_lock(signers->mutex);
    APR_RING_FOREACH_SAFE(p, next, &signers->waiting, parcel, neighbors)
    {
        if (p->desk == desk) {
            APR_RING_REMOVE(p, neighbors);
            desk->out -= p->count;
            move_jobs(released, &p->jobs);
        }
    }
    while (desk->in_work) {
        apr_thread_cond_wait(desk->idle, signers->mutex);
    }
    empty(desk, released);
    apr_thread_mutex_unlock(signers->mutex);
}
