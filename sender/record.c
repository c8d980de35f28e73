/*
 * Outcomes and their events, many in one transaction; leases renewed the same way.
 */
#include <stdlib.h>

#include "job.h"
#include "json.h"

static const char *const results[] = {
    [EGS_RELEASED] = "released",
    [EGS_DELIVERED] = "delivered",
    [EGS_DEFERRED] = "deferred",
    [EGS_BOUNCED] = "bounced",
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

static json_t *outcome_of(const egs_job *job)
{
    const egs_outcome *outcome = &job->outcome;
    json_t *told = name_of(job);

    json_object_set_new(told, "result", json_string(results[outcome->result]));
    json_object_set_new(told, "smtp", dialogue(outcome));
    if (outcome->result == EGS_DEFERRED) {
        json_object_set_new(told, "retry_seconds", json_real((double)outcome->retry / APR_USEC_PER_SEC));
    }
    if (outcome->bounce_class) {
        json_object_set_new(told, "bounce", json_pack("{s:s}", "class", outcome->bounce_class));
    }
    if (outcome->ambiguous) {
        json_object_set_new(told, "ambiguous", json_true());
    }
    return told;
}

static apr_status_t free_text(void *text)
{
    free(text);
    return APR_SUCCESS;
}

/* Seconds to the microsecond: all that was measured. */
static const char *text_of(const json_t *outcomes, apr_pool_t *pool)
{
    char *text = json_dumps(outcomes, JSON_COMPACT | JSON_REAL_PRECISION(9));

    apr_pool_cleanup_register(pool, text, free_text, apr_pool_cleanup_null);
    return text;
}

apr_status_t egs_record(egs_job *const *jobs, int count, eg_db *db)
{
    json_t *outcomes = eg_json_own(json_array(), db->pool);
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        json_array_append_new(outcomes, outcome_of(jobs[i]));
    }
    rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_attempts",
                    EG_DB_ARGS(eg_db_text(text_of(outcomes, db->pool))));
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
