/*
 * Lease what is due to be posted.
 */
#include <apr_strings.h>

#include "webhook_post.h"

static void unseal(egs_post *post, eg_db *db, eg_bytes sealed, const eg_secret *secret)
{
    apr_status_t rv =
        eg_unseal(&post->key, secret, EG_SEAL_WEBHOOK_KEY, post->account_id, sealed, post->pool);

    if (rv != APR_SUCCESS) {
        post->key = (eg_bytes){ NULL, 0 };
        eg_log_at(db->log, EG_LOG_ERR, rv,
                  EGLOGNO(0401) "account=%" APR_INT64_T_FMT " webhook=%" APR_INT64_T_FMT
                                ": its signing key cannot be opened: it was sealed with another secret file",
                  post->account_id, post->webhook_id);
    }
}

static egs_event event_of(const eg_rows *rows, int row)
{
    return (egs_event){
        .event_id = eg_rows_text(rows, row, "event_id"),
        .message_id = eg_rows_text(rows, row, "message_id"),
        .type = (int)eg_rows_int(rows, row, "type"),
        .at = eg_rows_int(rows, row, "at_us"),
        .domain = eg_rows_text(rows, row, "domain"),
        .recipient = eg_rows_text(rows, row, "email"),
        .from = eg_rows_text(rows, row, "from_email"),
        .subject = eg_rows_text(rows, row, "subject"),
        .tags = eg_rows_text(rows, row, "tags"),
        .detail = eg_rows_text(rows, row, "detail"),
        .list_id = eg_rows_int(rows, row, "list_id"),
        .subscriber_id = eg_rows_int(rows, row, "subscriber_id"),
        .journey_id = eg_rows_int(rows, row, "journey_id"),
        .action_id = eg_rows_int(rows, row, "action_id"),
    };
}

static egs_post *make_post(eg_db *db, const eg_rows *rows, int row, const egs_webhook_want *want,
                           const eg_secret *secret, apr_pool_t *parent)
{
    egs_event event = event_of(rows, row);
    apr_pool_t *pool;
    egs_post *post;

    if (apr_pool_create(&pool, parent) != APR_SUCCESS) {
        return NULL;
    }
    post = apr_pcalloc(pool, sizeof *post);
    post->pool = pool;
    post->account_id = eg_rows_int(rows, row, "account_id");
    post->webhook_id = eg_rows_int(rows, row, "webhook_id");
    post->event_id = apr_pstrdup(pool, event.event_id);
    post->attempt = (int)eg_rows_int(rows, row, "attempt");
    post->tries = (int)eg_rows_int(rows, row, "tries");
    post->failing = eg_rows_bool(rows, row, "failing");
    post->lease_end = want->now + want->lease;
    post->url = apr_pstrdup(pool, eg_rows_text(rows, row, "url"));
    post->id = apr_psprintf(pool, "%s_%" APR_INT64_T_FMT, post->event_id, post->webhook_id);
    post->body = egs_webhook_body(&event, pool);
    unseal(post, db, eg_rows_bytes(rows, row, "key_sealed", pool), secret);
    return post;
}

/* They were taken in ascending order from the cursor on, and then from the beginning. */
static apr_int64_t last_served(const egs_post *posts, apr_int64_t cursor)
{
    apr_int64_t behind = 0, before = 0;

    for (; posts; posts = posts->next) {
        apr_int64_t *part = posts->webhook_id > cursor ? &behind : &before;

        *part = posts->webhook_id > *part ? posts->webhook_id : *part;
    }
    return before ? before : behind ? behind : cursor;
}

apr_status_t egs_webhook_claim(egs_post **posts, apr_int64_t *cursor, eg_db *db, const egs_webhook_want *want,
                               const eg_secret *secret, apr_pool_t *pool)
{
    egs_post **last = posts;
    eg_rows *rows;
    /* Not repeatable: a claim whose answer is lost would be paid for with a second lease. */
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_ONCE, "claim_webhooks",
                                 EG_DB_ARGS(eg_db_int(want->limit), eg_db_int(apr_time_sec(want->lease)),
                                            eg_db_int(*cursor), eg_db_texts(want->busy, want->busy_count)));

    *posts = NULL;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        *last = make_post(db, rows, row, want, secret, pool);
        if (!*last) {
            break; /* out of memory: the lease brings them back */
        }
        last = &(*last)->next;
    }
    *cursor = last_served(*posts, *cursor);
    return APR_SUCCESS;
}
