/*
 * A thread that takes jobs through the stages; sleeps when none is due.
 */
#include <time.h>

#include "policy.h"
#include "worker.h"

#define RECORD_AFTER apr_time_from_msec(50)   /* from the first outcome that waits to be recorded */
#define BACKOFF_FIRST apr_time_from_msec(100) /* doubled up to BACKOFF_MAX while the database is away */
#define BACKOFF_MAX apr_time_from_sec(5)
#define MEMORY_KEPT (8 * 1024 * 1024)    /* bytes that a thread keeps between batches */
#define LAST_WORDS apr_time_from_sec(10) /* for recording after the sender was told to stop */

typedef struct {
    egs_control *control;
    apr_pool_t *pool;  /* the thread's */
    apr_pool_t *batch; /* cleared after each batch */
    apr_pool_t *slice; /* cleared after each slice */
    eg_log log;
    eg_db *db;
    egs_settings *settings; /* of this batch */
    apr_int64_t cursor;
    apr_time_t lease_end;        /* of this batch, by the monotonic clock */
    apr_interval_time_t backoff; /* 0 while the database answers */
} worker;

/* Intervals are measured by the clock that nobody sets. */
static apr_time_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

/* The database did or did not answer: logged when that changes, and the next wait set. */
static void note_answer(worker *w, apr_status_t rv)
{
    if (rv == APR_SUCCESS) {
        if (w->backoff) {
            eg_log_at(&w->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0308) "the database answers again");
        }
        w->backoff = 0;
        return;
    }
    if (!w->backoff) {
        eg_log_at(&w->log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0307) "the database does not answer, trying again");
        w->backoff = BACKOFF_FIRST;
        return;
    }
    w->backoff = w->backoff * 2 < BACKOFF_MAX ? w->backoff * 2 : BACKOFF_MAX;
}

static void log_outcome(const worker *w, const egs_job *job)
{
    const egs_outcome *outcome = &job->outcome;
    const char *text = outcome->text ? outcome->text : "";

    switch (outcome->result) {
    case EGS_RELEASED:
        return;
    case EGS_DELIVERED:
        eg_log_at(&w->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0310) "delivered message=%s recipient=%s attempt=%d via=%s seconds=%.3f",
                  job->message_id, job->recipient, job->attempt, outcome->host, outcome->seconds);
        return;
    case EGS_DEFERRED:
        eg_log_at(
            &w->log, EG_LOG_INFO, APR_SUCCESS,
            EGLOGNO(0311) "deferred message=%s recipient=%s attempt=%d retry=%ds seconds=%.3f text=\"%s\"",
            job->message_id, job->recipient, job->attempt, outcome->retry_seconds, outcome->seconds, text);
        return;
    case EGS_BOUNCED:
        eg_log_at(&w->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0312) "bounced message=%s recipient=%s attempt=%d seconds=%.3f text=\"%s\"",
                  job->message_id, job->recipient, job->attempt, outcome->seconds, text);
        return;
    }
}

/* Wait before recording is tried again. @return 0: the sender has to end, and it has been tried long enough */
static int wait_to_record(worker *w, apr_time_t *give_up)
{
    if (!egs_control_sleep(w->control, w->backoff)) {
        return 1;
    }
    if (!*give_up) {
        *give_up = monotonic() + LAST_WORDS;
    }
    apr_sleep(BACKOFF_FIRST);
    return monotonic() < *give_up;
}

/*
 * Recording is repeated until the database takes it or refuses it, for what was
 * delivered and not recorded would be delivered again; nothing new is begun
 * meanwhile.
 */
static apr_status_t record_all(worker *w, const egs_job *jobs, int count)
{
    apr_time_t give_up = 0;
    apr_pool_t *scratch;
    apr_status_t rv = apr_pool_create(&scratch, w->slice);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (;;) {
        rv = egs_record(jobs, count, eg_db_with_pool(w->db, scratch));
        apr_pool_clear(scratch);
        note_answer(w, rv == EG_DB_REFUSED ? APR_SUCCESS : rv);
        if (rv == APR_SUCCESS || rv == EG_DB_REFUSED || !wait_to_record(w, &give_up)) {
            break;
        }
    }
    apr_pool_destroy(scratch);
    return rv;
}

/* One outcome that the database refuses must not keep the others from being recorded. */
static void record(worker *w, const egs_job *jobs, int count)
{
    apr_status_t rv = record_all(w, jobs, count);

    if (rv == EG_DB_REFUSED && count > 1) {
        for (int i = 0; i < count; i++) {
            record(w, jobs + i, 1);
        }
    }
    else if (rv != APR_SUCCESS) {
        eg_log_at(&w->log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0309) "outcomes not recorded: %d, the first message=%s recipient=%s; these will be "
                                "tried again",
                  count, jobs[0].message_id, jobs[0].recipient);
    }
}

/* What is not safe on the disk is not delivered. */
static void withdraw(egs_job *jobs, int count)
{
    for (int i = 0; i < count; i++) {
        if (jobs[i].outcome.result == EGS_DELIVERED) {
            jobs[i].outcome.result = EGS_DEFERRED;
            jobs[i].outcome.retry_seconds = 60;
            jobs[i].outcome.text = "cannot flush the outbox";
        }
    }
}

static void finish(worker *w, egs_job *jobs, int count)
{
    if (!count) {
        return;
    }
    if (w->settings->transport->sync(w->settings->options, &w->log) != APR_SUCCESS) {
        withdraw(jobs, count);
    }
    for (int i = 0; i < count; i++) {
        log_outcome(w, &jobs[i]);
    }
    record(w, jobs, count);
}

static void attempt(worker *w, egs_job *job)
{
    apr_time_t start = monotonic();

    if (egs_render(job, &w->log, w->slice)) {
        w->settings->transport->deliver(job, w->settings->options, &w->log, w->slice);
    }
    job->outcome.seconds = (double)(monotonic() - start) / APR_USEC_PER_SEC;
}

/*
 * After a long stop of this process or of the database the jobs may be another
 * sender's: they are not begun then.
 */
static int may_begin(const worker *w)
{
    return monotonic() < w->lease_end && !egs_control_stopping(w->control);
}

static void run_slice(worker *w, egs_job *jobs, int count);

/* Something in these messages cannot be read: find out which, and put that one off. */
static void run_one_by_one(worker *w, egs_job *jobs, int count)
{
    if (count == 1) {
        jobs->outcome.result = EGS_DEFERRED;
        jobs->outcome.retry_seconds = egs_policy_retry_seconds(jobs->attempt);
        jobs->outcome.text = "the content could not be read from the database";
        finish(w, jobs, 1);
        return;
    }
    for (int i = 0; i < count; i++) {
        run_slice(w, jobs + i, 1);
    }
}

/* Outcomes start as EGS_RELEASED, so what is not begun goes back into the queue. */
static void run_slice(worker *w, egs_job *jobs, int count)
{
    apr_status_t rv = egs_load(jobs, count, eg_db_with_pool(w->db, w->slice));
    apr_time_t waiting_since = 0;
    int first = 0;

    if (rv == EG_DB_REFUSED) {
        run_one_by_one(w, jobs, count);
        return;
    }
    note_answer(w, rv);
    for (int i = 0; i < count && rv == APR_SUCCESS && may_begin(w); i++) {
        attempt(w, &jobs[i]);
        if (first == i) {
            waiting_since = monotonic();
        }
        else if (monotonic() - waiting_since > RECORD_AFTER) {
            finish(w, jobs + first, i + 1 - first);
            first = i + 1;
        }
    }
    finish(w, jobs + first, count - first);
}

/* @return were there any jobs? */
static int run_batch(worker *w)
{
    const egs_options *options = w->settings->options;
    apr_time_t start = monotonic();
    egs_job *jobs;
    int count;
    apr_status_t rv = egs_claim(&jobs, &count, &w->cursor, eg_db_with_pool(w->db, w->batch), options);

    note_answer(w, rv);
    if (rv != APR_SUCCESS) {
        return 0;
    }
    w->lease_end = start + options->lease;
    for (int done = 0, slice; done < count; done += slice) {
        slice = egs_slice(jobs + done, count - done);
        run_slice(w, jobs + done, slice);
        apr_pool_clear(w->slice);
    }
    return count > 0;
}

static apr_status_t start(worker *w, egs_control *control, const char *dsn)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create_unmanaged_ex(&pool, NULL, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_allocator_max_free_set(apr_pool_allocator_get(pool), MEMORY_KEPT);
    *w = (worker){ .control = control,
                   .pool = pool,
                   .log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO) };
    w->db = eg_db_dedicated(dsn, &w->log, pool);
    rv = apr_pool_create(&w->batch, pool);
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&w->slice, pool);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
    }
    return rv;
}

void egs_worker_run(egs_control *control, const char *dsn)
{
    worker w;

    if (start(&w, control, dsn) != APR_SUCCESS) {
        return;
    }
    while (!egs_control_stopping(control)) {
        apr_interval_time_t pause = 0;

        w.settings = egs_control_take(control);
        w.log.level = w.settings->options->log_level;
        if (!run_batch(&w) || w.backoff) {
            pause = w.backoff ? w.backoff : w.settings->options->poll;
        }
        egs_control_give(control, w.settings);
        apr_pool_clear(w.batch);
        if (pause) {
            egs_control_sleep(control, pause);
        }
    }
    apr_pool_destroy(w.pool);
}
