/*
 * A thread that takes jobs through the stages: many transfers at a time, none
 * of which keeps the others waiting.
 */
#include "results.h"
#include "worker.h"

#define BACKOFF_FIRST apr_time_from_msec(100) /* doubled up to BACKOFF_MAX while the database is away */
#define BACKOFF_MAX apr_time_from_sec(5)
#define MEMORY_KEPT (8 * 1024 * 1024)    /* bytes that a thread keeps between batches */
#define LAST_WORDS apr_time_from_sec(10) /* for recording when all transfers have ended, or been given up */
#define PACE_WINDOW apr_time_from_msec(100)
#define PATIENCE apr_time_from_sec(10) /* with threads whose leases may be over: they ask every BACKOFF_MAX */

typedef struct {
    egs_control *control;
    egs_member member;
    apr_pool_t *pool; /* the thread's */
    eg_log log;
    eg_db *db;
    egs_stock *stock;
    egs_results *results;
    egs_desk *desk;   /* where what is loaded is signed */
    egs_jobs waiting; /* signed, not begun */
    int waiting_count;
    int running;
    const egs_transport *transport; /* NULL: none is open */
    egs_carrier *carrier;
    apr_pool_t *carrier_pool;
    const egs_settings *seen;    /* those that were in force last; only compared */
    int connections;             /* transfers at a time */
    int hungry;                  /* there is room for more than is claimed */
    int full;                    /* of what is loaded: more only when some of it is gone */
    apr_time_t next_claim;       /* none before */
    apr_time_t patient_since;    /* with late threads; 0: there are none, or the database is away */
    apr_time_t next_call;        /* none of any kind before, while the database is away */
    apr_interval_time_t backoff; /* 0 while the database answers */
    apr_time_t window;           /* when the counting of ended transfers began */
    int ended, pace;             /* in this window, in the one before */
    apr_time_t give_up;          /* end of the patience with transfers; 0: not told to stop */
    apr_time_t last_words;       /* end of the patience with the database; 0: transfers are running */
} worker;

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
        const char *why = eg_db_why(w->db);

        eg_log_at(&w->log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0307) "the database does not answer, trying again%s%s", *why != '\0' ? ": " : "",
                  why);
        w->backoff = BACKOFF_FIRST;
    }
    else {
        w->backoff = w->backoff * 2 < BACKOFF_MAX ? w->backoff * 2 : BACKOFF_MAX;
    }
    w->next_call = egs_clock() + (w->give_up ? BACKOFF_FIRST : w->backoff);
}

/* Loaded and not begun. */
static int in_hand(const worker *w)
{
    return egs_desk_count(w->desk) + w->waiting_count;
}

static int may_call(const worker *w)
{
    return !w->backoff || egs_clock() >= w->next_call;
}

/* ---- what the transport has ---------------------------------------------------- */

static void collect(worker *w)
{
    egs_job *job;

    while (w->transport && (job = w->transport->finished(w->carrier))) {
        job->outcome.seconds = (double)(egs_clock() - job->begun) / APR_USEC_PER_SEC;
        w->running--;
        w->ended += job->outcome.result != EGS_RELEASED;
        egs_results_add(w->results, job);
    }
}

static void recall(worker *w)
{
    if (w->running && w->transport->recall) {
        w->transport->recall(w->carrier);
        collect(w);
    }
}

/* Those that the transport has begun and that need no place yet. */
static int waiting(const worker *w)
{
    return w->transport && w->transport->waiting ? w->transport->waiting(w->carrier) : 0;
}

/*
 * Places for transfers. An outcome keeps its place until it is recorded: what a
 * crash can send a second time is then never more than the connections.
 */
static int free_places(const worker *w)
{
    return w->connections - (w->running - waiting(w)) - egs_results_count(w->results);
}

/* ---- the database's side ------------------------------------------------------ */

/*
 * A call costs more than its rows, so they are many; but where transfers take long, outcomes
 * must not keep places from others for longer than that needs.
 */
static int is_worth_a_call(const worker *w)
{
    int count = egs_results_count(w->results);

    return count >= (w->connections * 3 + 3) / 4 || (free_places(w) < 1 && count * 2 >= w->connections);
}

static void record(worker *w)
{
    apr_time_t due = egs_results_due(w->results);

    if (!due || !may_call(w)) {
        return;
    }
    if (egs_clock() >= due || is_worth_a_call(w) || w->give_up || (!w->running && !in_hand(w))) {
        note_answer(w, egs_results_record(w->results, w->carrier));
    }
}

/* After a silence of the database this is how it is asked again: are they still ours? */
static void renew(worker *w)
{
    int count = 0;
    apr_status_t rv;

    if (!may_call(w)) {
        return;
    }
    rv = egs_stock_renew(&count, w->stock, w->backoff != 0);
    if (count) {
        note_answer(w, rv);
    }
}

/* Back into the queue. */
static void release(worker *w, egs_jobs *list)
{
    egs_job *job;

    while ((job = egs_jobs_take(list))) {
        egs_results_add(w->results, job);
    }
}

/* All that is not under way. */
static void give_back(worker *w)
{
    egs_stock_unload(w->stock, &w->waiting);
    egs_desk_recall(w->desk, &w->waiting);
    release(w, &w->waiting);
    recall(w);
    w->waiting_count = 0;
}

/* How fast transfers end: so many more can be claimed than could begin at once. */
static void measure(worker *w)
{
    apr_time_t now = egs_clock();

    if (now - w->window >= PACE_WINDOW) {
        w->pace = now - w->window < 2 * PACE_WINDOW ? w->ended : 0;
        w->ended = 0;
        w->window = now;
    }
}

/* How many to claim. Never more than can begin soon: what waits here, no other sender can take. */
static int claim_limit(worker *w, const egs_settings *settings)
{
    int places = free_places(w), room, limit;

    if (w->give_up || egs_stock_unloaded(w->stock)) {
        return 0;
    }
    if (w->transport == settings->transport) {
        room = w->transport->room(w->carrier, settings->plan, NULL);
        places = room < places ? room : places;
    }
    measure(w);
    limit = places + (w->pace > w->ended ? w->pace : w->ended) - in_hand(w);
    if (in_hand(w) * 4 > limit) {
        return 0;
    }
    return limit < settings->options->claim_batch ? limit : settings->options->claim_batch;
}

/*
 * After a silence of the database longer than the leases, what other threads have sent and not recorded
 * would be claimed and sent again: they come first.
 */
static int must_wait(worker *w)
{
    egs_control_set_leases(w->control, &w->member, egs_stock_over_at(w->stock));
    if (!egs_control_others_are_late(w->control, &w->member)) {
        w->patient_since = 0;
        return 0;
    }
    if (w->backoff) {
        w->patient_since = 0;
        if (may_call(w)) {
            note_answer(w, egs_stock_ask(w->stock));
        }
        return 1;
    }
    if (!w->patient_since) {
        w->patient_since = egs_clock();
    }
    return egs_clock() - w->patient_since < PATIENCE;
}

static void claim(worker *w)
{
    egs_settings *settings = egs_control_take(w->control);
    int limit, count;

    w->log.level = settings->options->log_level;
    w->connections = settings->options->connections;
    if (settings != w->seen) {
        give_back(w); /* it comes again, and goes by the new ones */
        w->seen = settings;
    }
    limit = claim_limit(w, settings);
    w->hungry = limit > 0;
    if (must_wait(w)) {
        w->next_claim = egs_clock() + settings->options->poll;
    }
    else if (w->hungry && (w->backoff ? may_call(w) : egs_clock() >= w->next_claim)) {
        apr_status_t rv = egs_stock_claim(w->stock, &count, limit);

        note_answer(w, rv);
        w->next_claim = egs_clock() + (rv == APR_SUCCESS && count ? 0 : settings->options->poll);
    }
    egs_control_give(w->control, settings);
}

/* More is loaded while nothing waits to be begun: those who sign shall not wait either. */
static void load(worker *w)
{
    egs_jobs loaded = { NULL, NULL }, released = { NULL, NULL };
    apr_status_t rv;

    if (w->waiting_count || w->give_up || !may_call(w)) {
        return;
    }
    rv = egs_stock_load(w->stock, &loaded, &released);
    w->full = !loaded.first;
    if (rv != APR_SUCCESS || !w->full) {
        note_answer(w, rv);
    }
    egs_desk_hand_over(w->desk, &loaded);
    release(w, &loaded);
    release(w, &released);
}

/* ---- the transport's side ------------------------------------------------------- */

/* Another transport is opened when the last transfer of the former one is over. */
static int open_transport(worker *w, const egs_settings *settings)
{
    apr_status_t rv;

    if (w->transport == settings->transport) {
        return 1;
    }
    if (w->running || egs_results_count(w->results)) {
        return 0;
    }
    w->transport = NULL;
    apr_pool_clear(w->carrier_pool);
    rv = settings->transport->open(&w->carrier, &w->log, w->carrier_pool);
    if (rv != APR_SUCCESS) {
        eg_log_at(&w->log, EG_LOG_ERR, rv, EGLOGNO(0363) "the transport %s cannot be opened",
                  settings->transport->name);
        return 0;
    }
    w->transport = settings->transport;
    if (w->transport->watch) {
        w->transport->watch(w->carrier, egs_desk_fd(w->desk));
    }
    return 1;
}

/*
 * After a long stop of this process or of the database the jobs may be another
 * sender's: they are not begun then.
 */
static void begin(worker *w, egs_job *job, const egs_plan *plan)
{
    job->begun = egs_clock();
    if (job->begun >= job->lease_end || job->outcome.result != EGS_RELEASED) {
        egs_results_add(w->results, job);
        return;
    }
    w->running++;
    w->transport->begin(w->carrier, plan, job);
}

/* Nothing begins while its outcome could not be recorded. */
static int may_start(const worker *w)
{
    apr_time_t due = egs_results_due(w->results);

    return !w->backoff && !w->give_up && (!due || egs_clock() < due);
}

/* One that has an outcome already, such as for want of its content, needs none. */
static int has_room(worker *w, const egs_settings *settings, const egs_job *job)
{
    return job->outcome.result != EGS_RELEASED || w->transport->room(w->carrier, settings->plan, job) > 0;
}

static void begin_all(worker *w)
{
    while (w->waiting_count && may_start(w)) {
        egs_job *job = w->waiting.first;
        const egs_settings *settings = egs_stock_settings(job);

        if (!open_transport(w, settings) || free_places(w) < 1 || !has_room(w, settings, job)) {
            return;
        }
        egs_jobs_take(&w->waiting);
        w->waiting_count--;
        begin(w, job, settings->plan);
        collect(w);
    }
}

/* ---- the thread ------------------------------------------------------------------ */

/* What was not begun goes back into the queue; what was, has until give_up. */
static void begin_to_stop(worker *w)
{
    egs_settings *settings = egs_control_take(w->control);

    w->give_up = egs_clock() + settings->options->stop_timeout;
    egs_control_give(w->control, settings);
    give_back(w);
    w->next_call = 0;
}

static apr_interval_time_t until(apr_time_t when, apr_interval_time_t wait)
{
    apr_time_t now = egs_clock();

    return when <= now ? 0 : when - now < wait ? when - now : wait;
}

/* How long nothing will be due but what transfers bring. */
static apr_interval_time_t find_pause(const worker *w)
{
    apr_time_t due = egs_results_due(w->results);
    apr_interval_time_t pause = PACE_WINDOW;

    if (w->backoff) {
        return until(w->next_call, w->running || w->give_up ? pause : BACKOFF_MAX);
    }
    if (due) {
        pause = until(due, pause);
    }
    if (w->hungry) {
        pause = until(w->next_claim, pause);
    }
    return !w->waiting_count && !w->full && egs_stock_unloaded(w->stock) ? 0 : pause;
}

static void rest(worker *w)
{
    apr_interval_time_t pause = find_pause(w);

    if (w->running) {
        w->transport->work(w->carrier, may_start(w) ? free_places(w) : 0, pause);
    }
    else if (egs_desk_count(w->desk)) {
        egs_desk_wait(w->desk, pause);
    }
    else if (w->give_up) {
        apr_sleep(pause);
    }
    else if (pause) {
        egs_control_sleep(w->control, pause);
    }
}

static int is_over(worker *w)
{
    if (!w->give_up) {
        return 0;
    }
    if (w->running) {
        return egs_clock() >= w->give_up;
    }
    if (!w->last_words) {
        w->last_words = egs_clock() + LAST_WORDS;
    }
    return !egs_results_count(w->results) || egs_clock() >= w->last_words;
}

static void give_up(worker *w)
{
    if (w->running) {
        eg_log_at(
            &w->log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0364) "%d mails are still being sent: they are left to the end of their leases, and "
                          "may be sent twice",
            w->running);
    }
    if (egs_results_record(w->results, w->carrier) != APR_SUCCESS) {
        egs_results_abandon(w->results);
    }
}

static apr_status_t start(worker *w, egs_control *control, egs_signers *signers, const char *dsn)
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
    w->db = eg_db_dedicated(dsn, EG_DB_MIGRATION, &w->log, pool);
    w->stock = egs_stock_new(control, egs_signers_keyring(signers), w->db, &w->log, pool);
    w->results = egs_results_new(w->stock, w->db, &w->log, pool);
    rv = egs_desk_open(&w->desk, signers, pool);
    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&w->carrier_pool, pool);
    }
    if (rv != APR_SUCCESS || !w->results) {
        apr_pool_destroy(pool);
        return rv == APR_SUCCESS ? APR_ENOMEM : rv;
    }
    return APR_SUCCESS;
}

/*
 * A round: record outcomes that are due, renew leases, claim and load more where
 * there is room, have it signed, begin what can begin, then wait for the transfers to go on and
 * take back those that ended.
 */
void egs_worker_run(egs_control *control, egs_signers *signers, const char *dsn)
{
    worker w;

    if (start(&w, control, signers, dsn) != APR_SUCCESS) {
        return;
    }
    egs_control_join(control, &w.member);
    while (!is_over(&w)) {
        if (!w.give_up && egs_control_stopping(control)) {
            begin_to_stop(&w);
        }
        record(&w);
        renew(&w);
        claim(&w);
        load(&w);
        w.waiting_count += egs_desk_collect(w.desk, &w.waiting);
        begin_all(&w);
        rest(&w);
        collect(&w);
    }
    give_up(&w);
    egs_control_leave(control, &w.member);
    apr_pool_destroy(w.carrier_pool);
    apr_pool_destroy(w.pool);
}
