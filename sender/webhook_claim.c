/*
 * Lease what is due to be posted.
 */
#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

#include "job.h"
#include "keyfile.h"
#include "webhook_post.h"

/** What the rows of one claim share. */
typedef struct {
    eg_db *db; /* its pool goes with the claim */
    const eg_secret *secret;
    apr_hash_t *keys; /* sealed, as text -> opened_key */
    apr_time_t lease_end;
    apr_pool_t *pool; /* parent of the posts' */
} claim;

typedef struct {
    apr_int64_t account_id; /* for whom it was opened */
    eg_bytes bytes;         /* NULL data: it cannot be */
} opened_key;

/* A domain has the same keys for all its webhooks: each is opened once. @param column  key_sealed, or that of the former one */
static eg_bytes open_key(claim *c, const eg_rows *rows, int row, const char *column)
{
    const char *sealed = eg_rows_text(rows, row, column);
    opened_key *key = sealed ? apr_hash_get(c->keys, sealed, APR_HASH_KEY_STRING) : NULL;
    apr_int64_t account_id = eg_rows_int(rows, row, "account_id");
    apr_status_t rv;

    if (key && key->account_id == account_id) {
        return key->bytes;
    }
    key = apr_pcalloc(c->db->pool, sizeof *key);
    key->account_id = account_id;
    rv = eg_unseal(&key->bytes, c->secret, EG_SEAL_WEBHOOK_KEY, account_id,
                   eg_rows_bytes(rows, row, column, c->db->pool), c->db->pool);
    if (rv != APR_SUCCESS) {
        key->bytes = (eg_bytes){ NULL, 0 };
        eg_log_at(c->db->log, EG_LOG_ERR, rv,
                  EGLOGNO(0401) "account=%" APR_INT64_T_FMT " domain=%s: its webhooks' signing key cannot be "
                                "opened: it was sealed with another secret file",
                  account_id, eg_rows_text(rows, row, "domain"));
    }
    if (sealed) {
        apr_hash_set(c->keys, sealed, APR_HASH_KEY_STRING, key);
    }
    return key->bytes;
}

/* An address that nobody has: what a test is sent to and from. */
static const char *test_address(const eg_rows *rows, int row, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "test@", eg_rows_text(rows, row, "domain"), NULL);
}

/* A test tells of a mail that there never was, under an id of its own. */
static egs_event test_of(const eg_rows *rows, int row, apr_pool_t *pool)
{
    return (egs_event){
        .event_id = eg_rows_text(rows, row, "event_id"),
        .message_id = eg_rows_text(rows, row, "message_id"),
        .is_test = 1,
        .at = apr_time_now(),
        .domain = eg_rows_text(rows, row, "domain"),
        .recipient = test_address(rows, row, pool),
        .from = test_address(rows, row, pool),
        .subject = "Test of a webhook",
    };
}

static egs_event event_of(const eg_rows *rows, int row, apr_pool_t *pool)
{
    if (eg_rows_bool(rows, row, "is_test")) {
        return test_of(rows, row, pool);
    }
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

/* A copy that is wiped with its pool. */
static eg_bytes copy_key(eg_bytes key, apr_pool_t *pool)
{
    void *data = key.data ? apr_pmemdup(pool, key.data, key.size) : NULL;

    if (data) {
        eg_keyfile_wipe_with(pool, data, key.size);
    }
    return (eg_bytes){ data, key.size };
}

static const char *mailgun_body(const egs_event *event, eg_bytes key, apr_pool_t *pool)
{
    const char *token = egs_mailgun_token(pool);
    egs_mailgun_seal seal;

    if (!token || !key.data) {
        return NULL;
    }
    egs_mailgun_sign(&seal, key, apr_time_now(), token, pool);
    return egs_webhook_mailgun(event, &seal, pool);
}

/*
 * The posts of an event stand together: a body that several want is made for the
 * first one. In Mailgun's manner each has a token of its own.
 */
static const char *body_of(const claim *c, const eg_rows *rows, int row, const egs_post *before,
                           const egs_post *post)
{
    egs_event event;

    if (before && strcmp(before->event_id, post->event_id) == 0 &&
        strcmp(before->payload, post->payload) == 0 && strcmp(post->payload, "mailgun") != 0) {
        return apr_pstrdup(post->pool, before->body);
    }
    event = event_of(rows, row, c->db->pool);
    return apr_pstrdup(post->pool,
                       strcmp(post->payload, "mailgun") == 0    ? mailgun_body(&event, post->key, c->db->pool)
                       : strcmp(post->payload, "postmark") == 0 ? egs_webhook_postmark(&event, c->db->pool)
                                                                : egs_webhook_body(&event, c->db->pool));
}

static egs_post *make_post(claim *c, const eg_rows *rows, int row, const egs_post *before)
{
    apr_pool_t *pool;
    egs_post *post;

    if (apr_pool_create(&pool, c->pool) != APR_SUCCESS) {
        return NULL;
    }
    post = apr_pcalloc(pool, sizeof *post);
    post->pool = pool;
    post->account_id = eg_rows_int(rows, row, "account_id");
    post->webhook_id = eg_rows_int(rows, row, "webhook_id");
    post->event_id = apr_pstrdup(pool, eg_rows_text(rows, row, "event_id"));
    post->attempt = (int)eg_rows_int(rows, row, "attempt");
    post->tries = (int)eg_rows_int(rows, row, "tries");
    post->failing = eg_rows_bool(rows, row, "failing");
    post->lease_end = c->lease_end;
    post->url = apr_pstrdup(pool, eg_rows_text(rows, row, "url"));
    post->id = apr_psprintf(pool, "%s_%" APR_INT64_T_FMT, post->event_id, post->webhook_id);
    post->payload = apr_pstrdup(pool, eg_rows_text(rows, row, "payload"));
    post->key = copy_key(open_key(c, rows, row, "key_sealed"), pool);
    if (eg_rows_text(rows, row, "former_key_sealed")) {
        post->former = copy_key(open_key(c, rows, row, "former_key_sealed"), pool);
    }
    post->body = body_of(c, rows, row, before, post);
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
    /* Before the database's clock is read: the lease is over there no sooner than here. */
    claim c = { .db = db, .secret = secret, .lease_end = egs_clock() + want->lease, .pool = pool };
    egs_post **last = posts, *post = NULL;
    eg_rows *rows;
    /* Not repeatable: a claim whose answer is lost would be paid for with a second lease. */
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_ONCE, "claim_webhooks",
                                 EG_DB_ARGS(eg_db_int(want->limit), eg_db_int(apr_time_sec(want->lease)),
                                            eg_db_int(*cursor), eg_db_texts(want->busy, want->busy_count),
                                            eg_db_text(want->without_failing ? "true" : "false")));

    *posts = NULL;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    c.keys = apr_hash_make(db->pool);
    for (int row = 0; row < eg_rows_count(rows); row++) {
        post = make_post(&c, rows, row, post);
        if (!post) {
            break; /* out of memory: the lease brings them back */
        }
        *last = post;
        last = &post->next;
    }
    *cursor = last_served(*posts, *cursor);
    return APR_SUCCESS;
}
