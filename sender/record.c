/*
 * Outcomes and their events, many in one transaction; leases renewed the same way.
 */
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "json.h"

static const char *const results[] = {
    [EGS_RELEASED] = "released", [EGS_DELIVERED] = "delivered",   [EGS_DEFERRED] = "deferred",
    [EGS_BOUNCED] = "bounced",   [EGS_SUPPRESSED] = "suppressed",
};

static const char *const stages[] = {
    [EGS_STAGE_NONE] = NULL,   [EGS_STAGE_CONNECT] = "connect",   [EGS_STAGE_GREETING] = "greeting",
    [EGS_STAGE_EHLO] = "ehlo", [EGS_STAGE_STARTTLS] = "starttls", [EGS_STAGE_AUTH] = "auth",
    [EGS_STAGE_RSET] = "rset", [EGS_STAGE_MAIL] = "mail",         [EGS_STAGE_RCPT] = "rcpt",
    [EGS_STAGE_DATA] = "data", [EGS_STAGE_DOT] = "dot",
};

const char *egs_stage_name(egs_stage stage)
{
    return stages[stage];
}

/* What is absent is left out. */
static json_t *dialogue(const egs_outcome *outcome)
{
    json_t *smtp = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "host", outcome->host, "stage",
                             stages[outcome->stage], "enhanced", outcome->enhanced, "text", outcome->text,
                             "tls", outcome->tls_version, "cipher", outcome->tls_cipher);

    if (outcome->smtp_code) {
        json_object_set_new(smtp, "code", json_integer(outcome->smtp_code));
    }
    json_object_set_new(smtp, "seconds", json_real(outcome->seconds));
    return smtp;
}

static json_t *name_of(const egs_job *job)
{
    return json_pack("{s:I, s:s, s:i, s:i}", "account_id", (json_int_t)job->account_id, "message_id",
                     job->message_id, "recipient_no", job->recipient_no, "attempt", job->attempt);
}

/* Why it was not taken. An address that is to get nothing more is suppressed with the event that says so. */
static json_t *fault_of(const egs_outcome *outcome)
{
    json_t *fault = json_pack("{s:s}", "class", egs_class_name(outcome->class));

    if (outcome->suppress) {
        json_object_set_new(fault, "suppress", json_true());
    }
    return fault;
}

/* What the event says beside the number of the attempt. */
static json_t *detail_of(const egs_outcome *outcome)
{
    json_t *detail = json_pack("{s:o}", "smtp", dialogue(outcome));

    if (outcome->class != EGS_CLASS_NONE) {
        json_object_set_new(detail, outcome->result == EGS_BOUNCED ? "bounce" : "deferral",
                            fault_of(outcome));
    }
    if (outcome->ambiguous) {
        json_object_set_new(detail, "ambiguous", json_true());
    }
    return detail;
}

/* A bounce for its age is a result of its own. */
static const char *result_of(const egs_outcome *outcome)
{
    return outcome->class == EGS_CLASS_EXPIRED ? "expired" : results[outcome->result];
}

static apr_status_t free_text(void *text)
{
    free(text);
    return APR_SUCCESS;
}

/* Seconds to the microsecond: all that was measured. */
static const char *text_of(const json_t *value, apr_pool_t *pool)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(9));

    apr_pool_cleanup_register(pool, text, free_text, apr_pool_cleanup_null);
    return text;
}

/* In seconds. */
static const char *text_of_time(apr_interval_time_t time, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%.6f", (double)time / APR_USEC_PER_SEC);
}

/* The arguments of record_attempts: its arrays, one element a job. */
typedef struct {
    const char **account_ids, **message_ids, **recipient_nos, **attempts, **results, **retry_seconds,
        **details, **ages;
} columns;

static columns make_columns(int count, apr_pool_t *pool)
{
    apr_size_t size = (apr_size_t)count;
    const char **all = apr_palloc(pool, 8 * size * sizeof *all);

    return (columns){ all,
                      all + size,
                      all + 2 * size,
                      all + 3 * size,
                      all + 4 * size,
                      all + 5 * size,
                      all + 6 * size,
                      all + 7 * size };
}

static void fill(const columns *to, int i, const egs_job *job, apr_pool_t *pool)
{
    json_t *detail = detail_of(&job->outcome);

    to->account_ids[i] = apr_psprintf(pool, "%" APR_INT64_T_FMT, job->account_id);
    to->message_ids[i] = job->message_id;
    to->recipient_nos[i] = apr_itoa(pool, job->recipient_no);
    to->attempts[i] = apr_itoa(pool, job->attempt);
    to->results[i] = result_of(&job->outcome);
    to->retry_seconds[i] = text_of_time(job->outcome.retry, pool);
    to->details[i] = text_of(detail, pool);
    to->ages[i] = text_of_time(egs_clock() - job->ended, pool);
    json_decref(detail);
}

apr_status_t egs_record(egs_job *const *jobs, int count, eg_db *db)
{
    columns arrays = make_columns(count, db->pool);
    apr_size_t size = (apr_size_t)count;
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        fill(&arrays, i, jobs[i], db->pool);
    }
    rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_attempts",
                    EG_DB_ARGS(eg_db_texts(arrays.account_ids, size), eg_db_texts(arrays.message_ids, size),
                               eg_db_texts(arrays.recipient_nos, size), eg_db_texts(arrays.attempts, size),
                               eg_db_texts(arrays.results, size), eg_db_texts(arrays.retry_seconds, size),
                               eg_db_texts(arrays.details, size), eg_db_texts(arrays.ages, size)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "fenced")) {
        eg_log_at(db->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0330) "%d of %d outcomes left out: too late, or recorded before",
                  (int)eg_rows_int(rows, 0, "fenced"), count);
    }
    return APR_SUCCESS;
}

apr_status_t egs_renew(egs_job **jobs, int count, eg_db *db, const egs_options *options)
{
    json_t *names = eg_json_own(json_array(), db->pool);
    apr_time_t start = egs_clock();
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        json_array_append_new(names, name_of(jobs[i]));
    }
    rv =
        eg_db_call(&rows, db, EG_DB_REPEATABLE, "renew_leases",
                   EG_DB_ARGS(eg_db_text(text_of(names, db->pool)), eg_db_int(apr_time_sec(options->lease))));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i < count; i++) {
        jobs[i]->lease_end = 0;
    }
    for (int i = 0; i < eg_rows_count(rows); i++) {
        jobs[eg_rows_int(rows, i, "no") - 1]->lease_end = start + options->lease;
    }
    return APR_SUCCESS;
}
