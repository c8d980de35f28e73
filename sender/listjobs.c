/*
 * Mails to long lists, made batch by batch. Which job's turn it is, how many mails
 * it may have and what ends it is judged in SQL (claim_list_job).
 */
#include "listjobs.h"

#include <string.h>

#include "job.h"
#include "json.h"
#include "listbatch.h"
#include "rounds.h"

#define BATCH 500                     /* subscribers */
#define BATCH_BYTES (4 * 1024 * 1024) /* of contents: the batch ends with the mail that has more */
#define PAUSE apr_time_from_msec(200) /* when there is nothing to do */
#define PAUSE_AWAY apr_time_from_sec(1)
#define LEASE_MAX apr_time_from_sec(60) /* many times what a batch takes: what fails is not tried before */

typedef struct {
    eg_db *db; /* results go with the batch */
    const eg_log *log;
    eg_rows *job; /* of claim_list_job: one row, or none */
    eg_listbatch made;
    int last; /* no subscriber is left */
} batch;

static apr_status_t claim(batch *b, const egs_options *options)
{
    apr_interval_time_t lease = options->lease < LEASE_MAX ? options->lease : LEASE_MAX;

    return eg_db_call(
        &b->job, b->db, EG_DB_REPEATABLE, "claim_list_job",
        EG_DB_ARGS(eg_db_int(apr_time_sec(lease)), eg_db_int(BATCH), eg_db_int(options->list_ahead)));
}

static eg_dbarg job_arg(const batch *b, const char *column)
{
    return eg_db_text(eg_rows_text(b->job, 0, column));
}

static apr_status_t make(batch *b)
{
    const eg_listmail mail = { eg_rows_text(b->job, 0, "subject"), eg_rows_text(b->job, 0, "html"),
                               eg_rows_text(b->job, 0, "plain"),
                               eg_json_stored(eg_rows_text(b->job, 0, "data"), b->db->pool),
                               (apr_size_t)eg_rows_int(b->job, 0, "attached_bytes") };
    int wanted = (int)eg_rows_int(b->job, 0, "batch"), found, done;
    eg_rows *targets;
    apr_status_t rv =
        eg_db_call(&targets, b->db, EG_DB_REPEATABLE, "get_list_targets",
                   EG_DB_ARGS(job_arg(b, "account_id"), job_arg(b, "list_id"), job_arg(b, "domain_id"),
                              job_arg(b, "after_id"), job_arg(b, "until_id"), eg_db_int(wanted)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    found = eg_rows_count(targets);
    eg_listbatch_init(&b->made, (int)eg_rows_int(b->job, 0, "passed"), b->db->pool);
    b->made.after = eg_rows_int(b->job, 0, "after_id");
    done = eg_listbatch_add(&b->made, &mail, targets, BATCH_BYTES, b->db->pool);
    b->last = done == found && found < wanted;
    return APR_SUCCESS;
}

static apr_status_t store(batch *b)
{
    const char *result;
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, b->db, EG_DB_REPEATABLE, "store_list_batch",
                                 EG_DB_ARGS(job_arg(b, "account_id"), job_arg(b, "job_id"),
                                            job_arg(b, "turn"), eg_db_int(b->made.after),
                                            eg_db_int(b->made.passed), eg_db_int(b->made.suppressed),
                                            eg_db_int(b->made.failed), eg_db_text(b->last ? "t" : "f"),
                                            eg_db_text(eg_json_text(b->made.mails, b->db->pool))));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    result = eg_rows_text(rows, 0, "store_list_batch");
    if (b->last && !strcmp(result, "stored")) {
        eg_log_at(b->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0450) "list job %s: all mails are queued, %d of them",
                  eg_rows_text(b->job, 0, "job_id"), b->made.passed);
    }
    return APR_SUCCESS;
}

/* @return how long until the next batch: as long as this one took, so that the database has as much time for others */
static apr_interval_time_t run_batch(void *none, eg_db *db, const egs_settings *settings, const eg_log *log)
{
    batch b = { .db = db, .log = log };
    apr_time_t start = egs_clock();
    apr_interval_time_t took;
    apr_status_t rv = claim(&b, settings->options);

    (void)none;
    if (rv == APR_SUCCESS && eg_rows_count(b.job) == 0) {
        return PAUSE;
    }
    if (rv == APR_SUCCESS) {
        rv = make(&b);
    }
    if (rv == APR_SUCCESS) {
        rv = store(&b);
    }
    took = egs_clock() - start;
    return rv != APR_SUCCESS ? PAUSE_AWAY : took < PAUSE_AWAY ? took : PAUSE_AWAY;
}

void egs_listjobs_run(egs_control *control, const char *dsn)
{
    egs_rounds_run(control, dsn, run_batch, NULL, PAUSE);
}
