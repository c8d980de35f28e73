/*
 * Results of posts, many in one transaction.
 */
#include <apr_strings.h>
#include <string.h>

#include "json.h"
#include "webhook_post.h"

static const char *const results[] = {
    [EGS_POST_RELEASED] = "released", [EGS_POST_DELIVERED] = "delivered", [EGS_POST_AGAIN] = "again",
    [EGS_POST_FAILED] = "failed",     [EGS_POST_GONE] = "gone",
};

static json_t *result_of(const egs_post *post)
{
    json_t *result =
        json_pack("{s:I, s:I, s:s, s:i, s:s, s:s*}", "account_id", (json_int_t)post->account_id, "webhook_id",
                  (json_int_t)post->webhook_id, "event_id", post->event_id, "attempt", post->attempt,
                  "result", results[post->result], "error", post->answer.error);

    if (post->answer.status) {
        json_object_set_new(result, "status", json_integer(post->answer.status));
    }
    if (post->result == EGS_POST_AGAIN) {
        json_object_set_new(result, "retry_seconds", json_real(post->retry_seconds));
    }
    return result;
}

static void log_disabled(const eg_rows *rows, eg_db *db)
{
    const char *text = eg_rows_text(rows, 0, "disabled"), *problem;
    json_t *list, *hook;
    size_t i;

    if (eg_json_parse(&list, &problem, text, strlen(text), db->pool) != APR_SUCCESS) {
        return;
    }
    json_array_foreach(list, i, hook)
    {
        eg_log_at(db->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0404) "disabled account=%" APR_INT64_T_FMT " webhook=%" APR_INT64_T_FMT ": %s",
                  (apr_int64_t)json_integer_value(json_object_get(hook, "account_id")),
                  (apr_int64_t)json_integer_value(json_object_get(hook, "webhook_id")),
                  json_string_value(json_object_get(hook, "reason")));
    }
}

apr_status_t egs_webhook_record(egs_post *const *posts, int count, eg_db *db, const egs_options *options)
{
    json_t *list = eg_json_own(json_array(), db->pool);
    double disable_after = (double)options->webhook_disable_after / APR_USEC_PER_SEC;
    char seconds[32];
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        json_array_append_new(list, result_of(posts[i]));
    }
    apr_snprintf(seconds, sizeof seconds, "%.3f", disable_after);
    rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_webhooks",
                    EG_DB_ARGS(eg_db_text(eg_json_text(list, db->pool)), eg_db_text(seconds)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "fenced")) {
        eg_log_at(db->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0405) "%d of %d results of webhook posts left out: too late, or recorded before",
                  (int)eg_rows_int(rows, 0, "fenced"), count);
    }
    log_disabled(rows, db);
    return APR_SUCCESS;
}
