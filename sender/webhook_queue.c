/*
 * The queue of posts in the database, for the thread that posts.
 */
#include "webhook_clerk.h"
#include "webhook_queue.h"

typedef struct {
    egs_clerk *clerk;
    egs_settings *settings; /* as when it was asked */
    egs_webhook_want want;
    apr_int64_t cursor; /* webhook that was served last */
    egs_post *posts;
} claim_work;

typedef struct {
    egs_clerk *clerk;
    egs_settings *settings; /* as when it was asked */
    egs_post *const *posts;
    int count;
} record_work;

struct egs_queue {
    egs_control *control;
    apr_pool_t *pool; /* of the posts */
    claim_work claim;
    record_work record;
};

static apr_status_t do_claim(eg_db *db, void *baton)
{
    egs_queue *queue = baton;
    claim_work *claim = &queue->claim;

    return egs_webhook_claim(&claim->posts, &claim->cursor, db, &claim->want, claim->settings->secret,
                             queue->pool);
}

/* Also the result of an event so old that results are not kept any more. */
static int is_refused(apr_status_t rv)
{
    return rv == EG_DB_REFUSED || rv == EG_DB_NO_PARTITION;
}

/*
 * Something in these is refused: the others must not suffer. A database that goes
 * away meanwhile gets all of them again, which changes nothing for those that it has.
 */
static apr_status_t record_each(eg_db *db, const record_work *record)
{
    for (int i = 0; i < record->count; i++) {
        const egs_post *post = record->posts[i];
        apr_status_t rv = egs_webhook_record(&record->posts[i], 1, db, record->settings->options);

        if (is_refused(rv)) {
            eg_log_at(db->log, EG_LOG_ERR, APR_SUCCESS,
                      EGLOGNO(0406) "result of a webhook post not recorded: webhook=%" APR_INT64_T_FMT
                                    " event=%s; it will be posted again",
                      post->webhook_id, post->event_id);
        }
        else if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t do_record(eg_db *db, void *baton)
{
    const record_work *record = baton;
    apr_status_t rv = egs_webhook_record(record->posts, record->count, db, record->settings->options);

    if (is_refused(rv)) {
        rv = record_each(db, record);
    }
    for (int i = 0; rv == APR_SUCCESS && i < record->count; i++) {
        apr_pool_destroy(record->posts[i]->pool);
    }
    return rv;
}

void egs_queue_claim(egs_queue *queue, const egs_webhook_want *want)
{
    queue->claim.settings = egs_control_take(queue->control);
    queue->claim.want = *want;
    egs_clerk_ask(queue->claim.clerk, do_claim, queue, queue->claim.settings->options->log_level);
}

int egs_queue_is_claiming(const egs_queue *queue)
{
    return egs_clerk_is_busy(queue->claim.clerk);
}

int egs_queue_claimed(egs_post **posts, apr_status_t *rv, egs_queue *queue)
{
    if (!egs_clerk_answered(rv, queue->claim.clerk)) {
        return 0;
    }
    egs_control_give(queue->control, queue->claim.settings);
    *posts = queue->claim.posts;
    return 1;
}

void egs_queue_record(egs_queue *queue, egs_post *const *posts, int count)
{
    queue->record.settings = egs_control_take(queue->control);
    queue->record.posts = posts;
    queue->record.count = count;
    egs_clerk_ask(queue->record.clerk, do_record, &queue->record, queue->record.settings->options->log_level);
}

int egs_queue_is_recording(const egs_queue *queue)
{
    return egs_clerk_is_busy(queue->record.clerk);
}

int egs_queue_recorded(apr_status_t *rv, egs_queue *queue)
{
    if (!egs_clerk_answered(rv, queue->record.clerk)) {
        return 0;
    }
    egs_control_give(queue->control, queue->record.settings);
    return 1;
}

void egs_queue_close(egs_queue *queue)
{
    egs_clerk_stop(queue->claim.clerk);
    egs_clerk_stop(queue->record.clerk);
}

apr_status_t egs_queue_open(egs_queue **queue, egs_control *control, const char *dsn, const eg_log *log,
                            void (*wake)(void *baton), void *baton, apr_pool_t *pool)
{
    egs_queue *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = egs_clerk_start(&made->claim.clerk, dsn, log, wake, baton, pool);

    made->control = control;
    made->pool = pool;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = egs_clerk_start(&made->record.clerk, dsn, log, wake, baton, pool);
    if (rv != APR_SUCCESS) {
        egs_clerk_stop(made->claim.clerk);
        return rv;
    }
    *queue = made;
    return APR_SUCCESS;
}
