/*
 * eg_call and eg_command: all that a handler sees of a request.
 */
#ifndef EG_COMMAND_H
#define EG_COMMAND_H

#include <jansson.h>

#include "db.h"
#include "errors.h"
#include "secret.h"

/** What the vhost's directives allow. */
typedef struct {
    int to_max, cc_max, bcc_max, reply_to_max; /* addresses */
    apr_int64_t body_max;                      /* bytes of a request */
    const apr_array_header_t *webhook_allow;   /* of eg_netaddr: not public, and yet taken; may be NULL */
} eg_limits;

typedef struct eg_call {
    apr_pool_t *pool;
    const eg_log *log;
    eg_db *db;
    const eg_limits *limits;
    const eg_secret *secret;
    apr_time_t now;

    /* request */
    json_t *args;                /* object, body over query string */
    int from_form;               /* values came as text: structures may be JSON text in them */
    const char *bearer;          /* of Authorization, or NULL */
    const char *idempotency_key; /* header, or NULL */

    /* auth */
    apr_int64_t account_id;
    unsigned char key_hash[EG_HASH_SIZE];

    /* reply: errors, or body with 200 */
    eg_errors errors;
    json_t *reply;               /* owned by the pool */
    int retry_after;             /* seconds, of a limit that is reached; 0: none */
    int replayed;                /* the answer to an earlier request with the same Idempotency-Key */
} eg_call;

typedef struct {
    const char *path;
    const char *method;
    /**
     * Set call->reply or add to call->errors.
     * @return other than APR_SUCCESS when it is our fault, already logged:
     *         EG_DB_UNREACHABLE becomes a 503, all else a 500
     */
    apr_status_t (*run)(eg_call *call);
} eg_command;

/** The table's row for a path and a method (HEAD is GET without its body, RFC 9110 section 9.3.2), or NULL. */
const eg_command *eg_command_find(const char *path, const char *method);

/** The methods that a path takes, as Allow lists them; NULL for a path that is not ours. */
const char *eg_command_methods(const char *path, apr_pool_t *pool);

/** A parameter by name, letter case ignored; NULL when absent or JSON null. */
json_t *eg_call_arg(const eg_call *call, const char *name);

/** The reply of a command that went well; call->pool owns it from here. */
void eg_call_reply(eg_call *call, json_t *reply);

/**
 * For a call with faults of its own: a key that does not authenticate comes
 * before all of them, alone.
 * @param permission  send, webhooks or events
 */
apr_status_t eg_call_authenticate(eg_call *call, const char *permission);

/** Give the caller's failure to use this key as the only error. @param status see sql sender_key */
void eg_call_refuse_key(eg_call *call, int status);

/* commands/ */
apr_status_t eg_v1_send_email(eg_call *call);
apr_status_t eg_v1_get_events(eg_call *call);
apr_status_t eg_v1_add_webhook(eg_call *call);
apr_status_t eg_v1_get_webhooks(eg_call *call);
apr_status_t eg_v1_delete_webhook(eg_call *call);

#endif
