/*
 * Results of posts, many in one transaction.
 */
#include <apr_strings.h>

#include "json.h"
#include "webhook_post.h"

static const char *const results[] = {
    [EGS_POST_RELEASED] = "released", [EGS_POST_DELIVERED] = "delivered", [EGS_POST_AGAIN] = "again",
    [EGS_POST_FAILED] = "failed",     [EGS_POST_GONE] = "gone",
};

/* The lists of record_webhooks, in its order. */
enum { ACCOUNT_IDS, WEBHOOK_IDS, EVENT_IDS, ATTEMPTS, RESULTS, RETRY_SECONDS, STATUSES, ERRORS, LISTS };

static const char *number(apr_int64_t value, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, value);
}

static void list(const char **lists[LISTS], int at, const egs_post *post, apr_pool_t *pool)
{
    lists[ACCOUNT_IDS][at] = number(post->account_id, pool);
    lists[WEBHOOK_IDS][at] = number(post->webhook_id, pool);
    lists[EVENT_IDS][at] = post->event_id;
    lists[ATTEMPTS][at] = number(post->attempt, pool);
    lists[RESULTS][at] = results[post->result];
    lists[RETRY_SECONDS][at] =
        post->result == EGS_POST_AGAIN ? apr_psprintf(pool, "%.3f", post->retry_seconds) : "0";
    lists[STATUSES][at] = number(post->answer.status, pool);
    lists[ERRORS][at] = post->answer.error ? post->answer.error : "";
}

static void log_disabled(const eg_rows *rows, eg_db *db)
{
    json_t *disabled = eg_json_stored(eg_rows_text(rows, 0, "disabled"), db->pool), *hook;
    size_t i;

    json_array_foreach(disabled, i, hook)
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
    double disable_after = (double)options->webhook_disable_after / APR_USEC_PER_SEC;
    const char **lists[LISTS];
    eg_dbarg args[LISTS + 1];
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < LISTS; i++) {
        lists[i] = apr_palloc(db->pool, (apr_size_t)count * sizeof *lists[i]);
        args[i] = eg_db_texts(lists[i], (apr_size_t)count);
    }
    for (int i = 0; i < count; i++) {
        list(lists, i, posts[i], db->pool);
    }
    args[LISTS] = eg_db_text(apr_psprintf(db->pool, "%.3f", disable_after));
    rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_webhooks", args, LISTS + 1);
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
