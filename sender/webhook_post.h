/*
 * egs_post: one event on its way to one webhook, and its stages:
 * claim -> body -> lane -> sign -> http -> policy -> record.
 */
#ifndef EGS_WEBHOOK_POST_H
#define EGS_WEBHOOK_POST_H

#include "db.h"
#include "options.h"
#include "secret.h"

/** What a webhook is told of. Parts that do not apply are NULL or 0. */
typedef struct {
    const char *event_id, *message_id;
    int type;    /* eg_eventtype; 0 of a test */
    int is_test; /* asked for: nothing happened */
    apr_time_t at;
    const char *domain, *recipient, *from, *subject;
    const char *tags;   /* JSON array */
    const char *detail; /* JSON object, as stored with the event */
    apr_int64_t list_id, subscriber_id, journey_id, action_id;
} egs_event;

#define EGS_UNABLE (-1) /* the post could not be made: no fault of the receiver's */

/** How a post was answered. */
typedef struct {
    int status;        /* of HTTP, 0 where none came, EGS_UNABLE */
    int retry_after;   /* seconds that the receiver asks to wait, 0 where it does not */
    const char *error; /* why there is no whole answer, or NULL */
} egs_answer;

typedef enum {
    EGS_POST_RELEASED, /* not tried: due again at once */
    EGS_POST_DELIVERED,
    EGS_POST_AGAIN,
    EGS_POST_FAILED, /* that was the last try */
    EGS_POST_GONE    /* the receiver wants nothing more */
} egs_post_result;

typedef struct egs_post {
    apr_pool_t *pool; /* its own */
    /* claim */
    apr_int64_t account_id, webhook_id;
    const char *event_id;
    int attempt;          /* the fence against late owners */
    int tries;            /* posts that have failed before */
    int failing;          /* so the webhook was when this was claimed */
    apr_time_t lease_end; /* by egs_clock */
    const char *url;
    const char *payload; /* native, mailgun or postmark */
    eg_bytes key;        /* 32 bytes; NULL data: it cannot be opened */
    eg_bytes former;     /* signs as well; NULL data: there is none */
    const char *id;      /* webhook-id: the same on every try */
    const char *body;    /* NULL: the event is gone */
    /* http, policy */
    egs_answer answer;
    egs_post_result result;
    double retry_seconds; /* for EGS_POST_AGAIN */
    /* lane */
    struct egs_lane *lane;
    apr_time_t begun_at; /* by egs_clock */
    struct egs_post *next;
} egs_post;

/** What to claim. */
typedef struct {
    int limit;
    apr_interval_time_t lease;
    const char *const *busy; /* webhooks that get no more, as text */
    apr_size_t busy_count;
    int without_failing; /* webhooks that fail get no more either */
} egs_webhook_want;

/**
 * Lease what is due and make its bodies.
 * @param posts  a list, each in a child of pool, whose allocator must have a mutex
 *               where another thread destroys them
 * @param cursor  the webhook that the last claim served; 0 at first
 */
apr_status_t egs_webhook_claim(egs_post **posts, apr_int64_t *cursor, eg_db *db, const egs_webhook_want *want,
                               const eg_secret *secret, apr_pool_t *pool);

/**
 * The body of a post, compact JSON under 20 kB: what is too long is cut, the
 * subject and the URL first.
 * @return NULL for a type that has no name
 */
const char *egs_webhook_body(const egs_event *event, apr_pool_t *pool);

/** The same in the manner of Postmark. */
const char *egs_webhook_postmark(const egs_event *event, apr_pool_t *pool);

/** What stands beside the event in Mailgun's manner: a MAC over timestamp and token alone. */
typedef struct {
    const char *timestamp; /* Unix seconds */
    const char *token;     /* another one in every post */
    const char *signature; /* hex of HMAC-SHA256 by the text of the signing key, "whsec_..." */
} egs_mailgun_seal;

/** 50 random hex digits; NULL when the system gives none. */
const char *egs_mailgun_token(apr_pool_t *pool);
void egs_mailgun_sign(egs_mailgun_seal *seal, eg_bytes key, apr_time_t now, const char *token,
                      apr_pool_t *pool);

/** The same in the manner of Mailgun. */
const char *egs_webhook_mailgun(const egs_event *event, const egs_mailgun_seal *seal, apr_pool_t *pool);

/** What one thread signs with. */
typedef struct egs_signer egs_signer;

/** @return NULL where OpenSSL has no HMAC-SHA256 or no memory */
egs_signer *egs_webhook_signer(apr_pool_t *pool);

/** A signature by Standard Webhooks: "v1," and base64 of HMAC-SHA256 over "id.timestamp.body". */
const char *egs_webhook_sign(egs_signer *signer, eg_bytes key, const char *id, const char *timestamp,
                             const char *body, apr_pool_t *pool);

/** webhook-signature of a post: by its key, and behind a blank by the former one where that signs as well. */
const char *egs_webhook_signatures(egs_signer *signer, const egs_post *post, const char *timestamp);

/**
 * What an answer means. Only 2xx is success, 410 is the end of the webhook, all
 * else is tried again by the schedule, give or take a tenth, and not before the
 * receiver's Retry-After (24 h at most). Pure.
 * @param tries  posts that failed before this one
 * @param random  0 to 1, for the jitter
 * @param retry_seconds  set for EGS_POST_AGAIN
 */
egs_post_result egs_webhook_judge(double *retry_seconds, const egs_answer *answer, int tries,
                                  const egs_durations *schedule, double random);

/** Record the results of count posts in one transaction. Repeating it changes nothing. */
apr_status_t egs_webhook_record(egs_post *const *posts, int count, eg_db *db, const egs_options *options);

#endif
