/*
 * The thread that posts webhooks: it hands posts from the queue to libcurl and
 * results back, and waits for nothing but the next thing to do. Claims and
 * records run beside it (webhook_queue.h).
 */
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <stdlib.h>

#include "job.h"
#include "webhook.h"
#include "webhook_http.h"
#include "webhook_lanes.h"
#include "webhook_queue.h"

#define HELD_FACTOR 8                       /* posts in hand for each connection */
#define HELD_BACK_FACTOR 4                  /* those of webhooks not known to be quick, beside the others */
#define HELD_MOST_FACTOR 32                 /* whatever may have become slow meanwhile: of memory */
#define CLAIM_MAX 256                       /* posts that are claimed at once */
#define RECORD_COUNT 128                    /* results that are recorded at once ... */
#define RECORD_AFTER apr_time_from_msec(20) /* ... or after the first has waited so long */
#define RESULTS_MAX 512                     /* not recorded: nothing begins that could add to more */
#define RECORD_LATE apr_time_from_sec(2)    /* nor while the database takes longer than that */
#define BACKOFF_FIRST apr_time_from_msec(100)
#define BACKOFF_MAX apr_time_from_sec(5)
#define LAST_WORDS apr_time_from_sec(10)  /* for recording after the sender was told to stop */
#define SLEEP_MAX apr_time_from_msec(100) /* after which it looks whether to stop */

typedef struct {
    egs_control *control;
    apr_pool_t *pool;  /* with a mutex: posts are made and destroyed by other threads */
    apr_pool_t *asked; /* cleared before each claim */
    eg_log log;
    egs_http *http;
    egs_queue *queue;
    apr_array_header_t *results;   /* of egs_post *: to be recorded */
    apr_array_header_t *recording; /* of egs_post *: in the queue's hands, or to be given to it again */
    apr_time_t results_since;      /* when the first of results ended */
    apr_time_t record_since;       /* when recording was given away */
    apr_time_t record_at;          /* not before this, while the database is away */
    apr_time_t claim_at;           /* nothing was due: not before this */
    int passed_over;               /* the last claim took nothing for those that are held back */
    apr_interval_time_t backoff;   /* 0 while the database answers */
    egs_lanes *lanes;
    egs_settings *settings; /* in force */
} poster;

/* ---- one post ---------------------------------------------------------------------------------- */

static void keep_result(poster *p, egs_post *post)
{
    if (!p->results->nelts) {
        p->results_since = egs_clock();
    }
    APR_ARRAY_PUSH(p->results, egs_post *) = post;
}

static void release(poster *p, egs_post *post)
{
    post->result = EGS_POST_RELEASED;
    post->answer = (egs_answer){ 0 };
    keep_result(p, post);
}

static void log_result(const poster *p, const egs_post *post)
{
    const char *error = post->answer.error ? post->answer.error : "no 2xx";

    switch (post->result) {
    case EGS_POST_AGAIN:
        eg_log_at(&p->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0402) "webhook=%" APR_INT64_T_FMT " event=%s try=%d status=%d retry=%.0fs: %s",
                  post->webhook_id, post->event_id, post->tries + 1, post->answer.status, post->retry_seconds,
                  error);
        return;
    case EGS_POST_FAILED:
    case EGS_POST_GONE:
        eg_log_at(&p->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0403) "failed webhook=%" APR_INT64_T_FMT " event=%s try=%d status=%d: %s",
                  post->webhook_id, post->event_id, post->tries + 1, post->answer.status, error);
        return;
    default:
        eg_log_at(&p->log, EG_LOG_DEBUG, APR_SUCCESS, "webhook=%" APR_INT64_T_FMT " event=%s result=%d",
                  post->webhook_id, post->event_id, (int)post->result);
    }
}

/* What we could not post tells nothing of the receiver. @return posts that should not wait here, or NULL */
static egs_post *leave_lane(poster *p, egs_post *post)
{
    if (post->answer.status == EGS_UNABLE) {
        egs_lanes_drop(p->lanes, post);
        return NULL;
    }
    return egs_lanes_done(p->lanes, post, post->result == EGS_POST_DELIVERED, egs_clock());
}

/* The answer is there, or why there is none: judge it, and let the next ones of the webhook go or wait. */
static void finish(poster *p, egs_post *post)
{
    int was_busy = egs_lanes_is_busy(p->lanes, post->webhook_id);
    int well = !post->answer.error && post->answer.status / 100 == 2;
    double dice = well ? 0 : (double)arc4random() / 4294967296.0; /* it costs a call of the kernel */
    egs_post *waiting;

    post->result = egs_webhook_judge(&post->retry_seconds, &post->answer, post->tries,
                                     &p->settings->options->webhook_retry, dice);
    log_result(p, post);
    for (waiting = leave_lane(p, post); waiting;) {
        egs_post *next = waiting->next;

        release(p, waiting);
        waiting = next;
    }
    keep_result(p, post);
    if (was_busy && !egs_lanes_is_busy(p->lanes, post->webhook_id)) {
        p->claim_at = 0; /* its webhook may have more */
    }
}

static void begin(poster *p, egs_post *post)
{
    if (!post->body || !post->key.data) {
        post->answer.status = EGS_UNABLE;
        /* The key first: without it there is no body in Mailgun's manner, whatever is stored. */
        post->answer.error =
            post->key.data ? "the event is no longer stored" : "the signing key cannot be opened";
        finish(p, post);
        return;
    }
    egs_http_begin(p->http, post);
}

/* What begins now must be recorded soon: is the database there, and does it keep up? */
static int may_begin(const poster *p)
{
    int late = egs_queue_is_recording(p->queue) && egs_clock() - p->record_since > RECORD_LATE;

    return !p->backoff && !late && p->results->nelts + p->recording->nelts < RESULTS_MAX;
}

/*
 * A post that would not be recorded before its lease ends is given back: it comes
 * again with a new one. After a long stop of this process it may be another sender's
 * by now; then nothing becomes of it here.
 */
static void begin_all(poster *p)
{
    const egs_options *options = p->settings->options;
    egs_post *post;

    while (may_begin(p) &&
           (post = egs_lanes_next(p->lanes, options->webhook_connections, egs_clock())) != NULL) {
        if (egs_clock() + egs_options_post_time(options) <= post->lease_end) {
            begin(p, post);
        }
        else {
            egs_lanes_drop(p->lanes, post);
            release(p, post);
        }
    }
}

/* ---- the database ------------------------------------------------------------------------------- */

/* A database that is away is the workers' to tell. */
static void note_answer(poster *p, apr_status_t rv)
{
    if (rv == APR_SUCCESS || rv == EG_DB_REFUSED) {
        p->backoff = 0;
        return;
    }
    p->backoff = !p->backoff ? BACKOFF_FIRST : p->backoff * 2 < BACKOFF_MAX ? p->backoff * 2 : BACKOFF_MAX;
    p->record_at = p->claim_at = egs_clock() + p->backoff;
}

static void take_claimed(poster *p)
{
    egs_post *post, *next;
    apr_status_t rv;

    if (!egs_queue_claimed(&post, &rv, p->queue)) {
        return;
    }
    if (!post) { /* refused, too: a claim that fails in itself is not to be repeated at once */
        p->claim_at = egs_clock() + p->settings->options->poll;
    }
    for (; post; post = next) {
        next = post->next;
        egs_lanes_add(p->lanes, post);
    }
    note_answer(p, rv);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Whatever webhooks that are not known to be quick have in hand takes no room from the others. */
static int room_for_others(const poster *p, int connections, int held_back)
{
    int held = egs_lanes_held(p->lanes);

    return least(connections * HELD_FACTOR - (held - held_back), connections * HELD_MOST_FACTOR - held);
}

static void claim(poster *p, int limit, apr_time_t now)
{
    egs_webhook_want want = { .limit = limit,
                              .lease = p->settings->options->webhook_lease,
                              .without_failing = p->passed_over };

    apr_pool_clear(p->asked);
    want.busy = p->passed_over ? egs_lanes_all_but_quick(p->lanes, &want.busy_count, now, p->asked)
                               : egs_lanes_busy(p->lanes, &want.busy_count, p->asked);
    egs_queue_claim(p->queue, &want);
}

/* When half of what may be in hand is gone. While the database is away, results come first. */
static void claim_more(poster *p)
{
    int connections = p->settings->options->webhook_connections, held_back, room;
    apr_time_t now = egs_clock();

    if (egs_queue_is_claiming(p->queue) || (p->backoff && p->results->nelts + p->recording->nelts)) {
        return;
    }
    held_back = egs_lanes_held_back(p->lanes, now);
    room = room_for_others(p, connections, held_back);
    if (p->passed_over && !p->backoff && held_back < connections * HELD_BACK_FACTOR) {
        p->claim_at = 0; /* those that were passed over may have something */
    }
    if (room < connections * HELD_FACTOR / 2 || now < p->claim_at) {
        return;
    }
    p->passed_over = held_back >= connections * HELD_BACK_FACTOR;
    claim(p, least(room, CLAIM_MAX), now);
}

static void take_recorded(poster *p)
{
    apr_status_t rv;

    if (!egs_queue_recorded(&rv, p->queue)) {
        return;
    }
    note_answer(p, rv);
    if (rv == APR_SUCCESS) {
        apr_array_clear(p->recording);
    }
}

/* When the next results should go: many at once, but none waits long. */
static apr_time_t record_time(const poster *p)
{
    apr_time_t due = p->results_since;

    if (!p->recording->nelts && p->results->nelts < RECORD_COUNT && egs_lanes_begun(p->lanes)) {
        due += RECORD_AFTER;
    }
    return due > p->record_at ? due : p->record_at;
}

/* @return is there anything to be recorded now? */
static int has_results_due(const poster *p)
{
    return !egs_queue_is_recording(p->queue) && p->results->nelts + p->recording->nelts &&
           egs_clock() >= record_time(p);
}

/* Those that could not be recorded before are given again, as they were. */
static void record_some(poster *p)
{
    if (!p->recording->nelts) {
        apr_array_header_t *results = p->results;

        p->results = p->recording;
        p->recording = results;
    }
    p->record_since = egs_clock();
    egs_queue_record(p->queue, (egs_post **)(void *)p->recording->elts, p->recording->nelts);
}

/* ---- the thread --------------------------------------------------------------------------------- */

/* What is in force changes with a reload. */
static void take_settings(poster *p)
{
    egs_settings *settings = egs_control_take(p->control);

    if (p->settings) {
        egs_control_give(p->control, p->settings);
    }
    if (p->settings != settings) {
        egs_http_use(p->http, settings->options);
    }
    p->settings = settings;
    p->log.level = settings->options->log_level;
}

/* Until something should be done that nobody wakes us for. */
static apr_interval_time_t sleep_time(const poster *p)
{
    apr_time_t now = egs_clock(), until = now + SLEEP_MAX;

    if (!egs_queue_is_recording(p->queue) && p->results->nelts + p->recording->nelts) {
        until = record_time(p) < until ? record_time(p) : until;
    }
    if (!egs_queue_is_claiming(p->queue) && p->claim_at > now) {
        until = p->claim_at < until ? p->claim_at : until;
    }
    return until > now ? until - now : 0;
}

/* take -> begin -> transfer -> judge -> record, each as far as it goes now */
static void run_round(poster *p)
{
    egs_post *post;

    take_claimed(p);
    take_recorded(p);
    if (!egs_control_stopping(p->control)) {
        claim_more(p);
        begin_all(p);
    }
    egs_http_work(p->http, sleep_time(p));
    while ((post = egs_http_finished(p->http)) != NULL) {
        finish(p, post);
    }
    if (has_results_due(p)) {
        record_some(p);
    }
}

/* What has begun is finished, and all of it recorded; the rest goes back. */
static void wind_up(poster *p)
{
    apr_time_t give_up = 0;
    egs_post *post;

    take_settings(p);
    do {
        while ((post = egs_lanes_withdraw(p->lanes)) != NULL) {
            release(p, post);
        }
        if (!give_up && !egs_lanes_begun(p->lanes)) {
            give_up = egs_clock() + LAST_WORDS;
        }
        run_round(p);
    } while (egs_lanes_held(p->lanes) || egs_queue_is_claiming(p->queue) ||
             egs_queue_is_recording(p->queue) ||
             (p->results->nelts + p->recording->nelts && egs_clock() < give_up));
    egs_queue_close(p->queue);
}

static apr_status_t make_pool(apr_pool_t **pool)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *mutex;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_pool_create_unmanaged_ex(pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *pool);
    rv = apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, *pool);
    if (rv == APR_SUCCESS) {
        apr_allocator_mutex_set(allocator, mutex);
    }
    return rv;
}

static apr_status_t start(poster *p, egs_control *control, const char *dsn)
{
    apr_status_t rv = make_pool(&p->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    p->control = control;
    p->log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO);
    p->results = apr_array_make(p->pool, RESULTS_MAX, sizeof(egs_post *));
    p->recording = apr_array_make(p->pool, RESULTS_MAX, sizeof(egs_post *));
    p->lanes = egs_lanes_new(p->pool);
    rv = apr_pool_create(&p->asked, p->pool);
    if (rv == APR_SUCCESS) {
        rv = egs_http_open(&p->http, p->pool);
    }
    if (rv == APR_SUCCESS) {
        rv = egs_queue_open(&p->queue, control, dsn, &p->log, egs_http_wake, p->http, p->pool);
    }
    return rv;
}

void egs_webhook_run(egs_control *control, const char *dsn)
{
    poster p = { 0 };
    apr_status_t rv;

    rv = start(&p, control, dsn);
    if (rv == APR_SUCCESS) {
        while (!egs_control_stopping(control)) {
            take_settings(&p);
            run_round(&p);
        }
        wind_up(&p);
        egs_control_give(control, p.settings);
    }
    else {
        eg_log_at(&p.log, EG_LOG_ERR, rv, EGLOGNO(0407) "webhooks cannot be posted");
    }
    if (p.pool) {
        apr_pool_destroy(p.pool);
    }
}
