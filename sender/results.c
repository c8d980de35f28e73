/*
 * Outcomes of a thread's jobs on their way into the database.
 */
#include <apr_strings.h>
#include <stdlib.h>

#include "classify.h"
#include "complaint.h"
#include "policy.h"
#include "results.h"
#include "senderlog.h"

#define RECORD_AFTER apr_time_from_msec(50) /* from the first outcome that waits to be recorded */

struct egs_results {
    egs_stock *stock;
    eg_db *db;
    const eg_log *log;
    apr_pool_t *scratch;
    egs_jobs fresh; /* neither synced nor judged nor logged */
    egs_jobs told;  /* to be recorded */
    int count;      /* of both */
    apr_time_t due;
};

egs_results *egs_results_new(egs_stock *stock, eg_db *db, const eg_log *log, apr_pool_t *pool)
{
    egs_results *results = apr_pcalloc(pool, sizeof *results);

    if (apr_pool_create(&results->scratch, pool) != APR_SUCCESS) {
        return NULL;
    }
    results->stock = stock;
    results->db = db;
    results->log = log;
    return results;
}

void egs_results_add(egs_results *results, egs_job *job)
{
    if (results->count++ == 0) {
        results->due = egs_clock() + RECORD_AFTER;
    }
    job->ended = egs_clock();
    egs_jobs_add(&results->fresh, job);
}

int egs_results_count(const egs_results *results)
{
    return results->count;
}

apr_time_t egs_results_due(const egs_results *results)
{
    return results->count ? results->due : 0;
}

static void log_delivery(const eg_log *log, const egs_job *job)
{
    const egs_outcome *outcome = &job->outcome;

    eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0310) "delivered message=%s recipient=%s attempt=%d via=%s seconds=%.3f",
              job->message_id, job->recipient, job->attempt, outcome->host, outcome->seconds);
}

/* "at=rcpt code=451 ", or nothing where there was no dialogue. */
static const char *dialogue(const egs_outcome *outcome, apr_pool_t *pool)
{
    return outcome->stage == EGS_STAGE_NONE
               ? ""
               : apr_psprintf(pool, "at=%s code=%d ", egs_stage_name(outcome->stage), outcome->smtp_code);
}

static void log_failure(const eg_log *log, const egs_job *job, apr_pool_t *scratch)
{
    const egs_outcome *outcome = &job->outcome;
    const char *at = dialogue(outcome, scratch), *text = outcome->text ? outcome->text : "";

    if (outcome->ambiguous) {
        eg_log_at(
            log, EG_LOG_INFO, APR_SUCCESS,
            EGLOGNO(0362) "message=%s recipient=%s attempt=%d: all of it was sent and no reply came, so "
                          "it may be sent twice",
            job->message_id, job->recipient, job->attempt);
    }
    if (outcome->result == EGS_SUPPRESSED) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0424) "suppressed message=%s recipient=%s: not sent",
                  job->message_id, job->recipient);
        return;
    }
    if (outcome->result == EGS_DEFERRED) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0311) "deferred message=%s recipient=%s attempt=%d class=%s retry=%.0fs "
                                "seconds=%.3f %stext=\"%s\"",
                  job->message_id, job->recipient, job->attempt, egs_class_name(outcome->class),
                  (double)outcome->retry / APR_USEC_PER_SEC, outcome->seconds, at, text);
        return;
    }
    eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0312) "bounced message=%s recipient=%s attempt=%d class=%s seconds=%.3f %stext=\"%s\"",
              job->message_id, job->recipient, job->attempt, egs_class_name(outcome->class), outcome->seconds,
              at, text);
}

/* What is not safe on the disk is not delivered. */
static void withdraw(egs_outcome *outcome)
{
    if (outcome->result == EGS_DELIVERED) {
        outcome->result = EGS_DEFERRED;
        outcome->text = "cannot flush the outbox";
    }
}

static void settle(egs_results *results, egs_job *job, int safe, const eg_log *log)
{
    const egs_options *options = egs_stock_settings(job)->options;
    double dice = 0;

    if (!safe) {
        withdraw(&job->outcome);
    }
    if (job->outcome.result != EGS_DELIVERED) {
        dice = (double)arc4random() / 4294967296.0; /* it costs a call of the kernel */
    }
    egs_policy_judge(&job->outcome, job->tries + 1, egs_clock() - job->age_start, dice, options);
    if (job->outcome.result == EGS_DELIVERED) {
        log_delivery(log, job);
    }
    else if (job->outcome.result != EGS_RELEASED) {
        log_failure(log, job, results->scratch);
    }
}

static void settle_all(egs_results *results, egs_carrier *carrier)
{
    egs_senderlog_lines lines;
    eg_log log = egs_senderlog_gather(&lines, results->log);
    const egs_settings *settings;
    egs_job *job;
    int safe;

    if (!results->fresh.first) {
        return;
    }
    settings = egs_stock_settings(results->fresh.first);
    safe = !carrier || !settings->transport->sync ||
           settings->transport->sync(carrier, settings->plan) == APR_SUCCESS;
    while ((job = egs_jobs_take(&results->fresh))) {
        settle(results, job, safe, &log);
        egs_jobs_add(&results->told, job);
    }
    egs_senderlog_flush(&lines);
}

static void log_loss(const egs_results *results, const egs_job *first, int count)
{
    eg_log_at(results->log, EG_LOG_ERR, APR_SUCCESS,
              EGLOGNO(0309) "outcomes not recorded: %d, the first message=%s recipient=%s; these will be "
                            "tried again",
              count, first->message_id, first->recipient);
}

/* One outcome that the database refuses must not keep the others from being recorded. */
static apr_status_t record_each(egs_results *results, egs_job *const *jobs, int count, eg_db *db)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; i < count && (rv == APR_SUCCESS || rv == EG_DB_REFUSED); i++) {
        rv = egs_record(&jobs[i], 1, db);
        if (rv == EG_DB_REFUSED) {
            log_loss(results, jobs[i], 1);
        }
    }
    return rv == EG_DB_REFUSED ? APR_SUCCESS : rv;
}

/* The simulator's, when their deliveries are recorded. A crash in between loses one: only a test's. */
static apr_status_t complain(egs_job *const *jobs, int count, eg_db *db)
{
    apr_status_t rv = APR_SUCCESS;

    for (int i = 0; i < count && (rv == APR_SUCCESS || rv == EG_DB_REFUSED); i++) {
        if (jobs[i]->outcome.complaint && jobs[i]->outcome.result == EGS_DELIVERED) {
            rv = egs_complaint_record(jobs[i]->account_id, jobs[i]->message_id, jobs[i]->recipient_no, db);
        }
    }
    return rv == EG_DB_REFUSED ? APR_SUCCESS : rv;
}

static apr_status_t record_told(egs_results *results)
{
    eg_db *db = eg_db_with_pool(results->db, results->scratch);
    egs_job **jobs = apr_palloc(results->scratch, (apr_size_t)results->count * sizeof *jobs);
    apr_status_t rv;
    int count = 0;

    for (egs_job *job = results->told.first; job; job = job->next) {
        jobs[count++] = job;
    }
    rv = egs_record(jobs, count, db);
    if (rv == EG_DB_REFUSED) {
        rv = record_each(results, jobs, count, db);
    }
    if (rv == APR_SUCCESS) {
        rv = complain(jobs, count, db);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    results->told.first = NULL;
    results->count = 0;
    for (int i = 0; i < count; i++) {
        egs_stock_give_back(results->stock, jobs[i]);
    }
    return APR_SUCCESS;
}

apr_status_t egs_results_record(egs_results *results, egs_carrier *carrier)
{
    apr_status_t rv;

    if (!results->count) {
        return APR_SUCCESS;
    }
    settle_all(results, carrier);
    rv = record_told(results);
    apr_pool_clear(results->scratch);
    return rv;
}

void egs_results_abandon(const egs_results *results)
{
    if (results->count) {
        log_loss(results, results->told.first, results->count);
    }
}
