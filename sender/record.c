/*
 * Outcomes and their events, many in one transaction.
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

/* What is absent is left out. */
static json_t *dialogue(const egs_outcome *outcome)
{
    json_t *smtp = json_pack("{s:s*, s:s*, s:s*}", "host", outcome->host, "enhanced", outcome->enhanced,
                             "text", outcome->text);

    if (outcome->smtp_code) {
        json_object_set_new(smtp, "code", json_integer(outcome->smtp_code));
    }
    json_object_set_new(smtp, "seconds", json_real(outcome->seconds));
    return smtp;
}

static json_t *outcome_of(const egs_job *job)
{
    return json_pack("{s:I, s:s, s:i, s:i, s:s, s:i, s:o}", "account_id", (json_int_t)job->account_id,
                     "message_id", job->message_id, "recipient_no", job->recipient_no, "attempt",
                     job->attempt, "result", results[job->outcome.result], "retry_seconds",
                     job->outcome.retry_seconds, "smtp", dialogue(&job->outcome));
}

static apr_status_t free_text(void *text)
{
    free(text);
    return APR_SUCCESS;
}

/* Seconds to the microsecond: all that was measured. */
static const char *text_of(const json_t *outcomes, apr_pool_t *pool)
{
    char *text = json_dumps(outcomes, JSON_COMPACT | JSON_REAL_PRECISION(6));

    apr_pool_cleanup_register(pool, text, free_text, apr_pool_cleanup_null);
    return text;
}

apr_status_t egs_record(const egs_job *jobs, int count, eg_db *db)
{
    json_t *outcomes = eg_json_own(json_array(), db->pool);
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        json_array_append_new(outcomes, outcome_of(&jobs[i]));
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
