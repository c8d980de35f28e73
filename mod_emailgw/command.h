/*
 * eg_call and eg_command: all that a handler sees of a request.
 */
#ifndef EG_COMMAND_H
#define EG_COMMAND_H

#include <jansson.h>

#include "db.h"
#include "errors.h"
#include "newdomain.h"
#include "rate.h"
#include "secret.h"

/** What the directives set. */
typedef struct {
    apr_int64_t account_id;                    /* the only account that there is here; 0: any */
    int to_max, cc_max, bcc_max, reply_to_max; /* addresses */
    int tracking_off;                          /* nothing is tracked, whatever request and domain say */
    const apr_array_header_t *origins;       /* of const char *: whose pages may read answers; may be empty */
    apr_int64_t body_max;                    /* bytes of a request */
    apr_int64_t body_memory;                 /* bytes of all large requests that a child has in hand */
    apr_size_t values_max;                   /* values in a JSON body, or in all JSON texts of a form */
    int batch_max;                           /* mails of a batch */
    apr_int64_t batch_body_max;              /* bytes of its request */
    const apr_array_header_t *webhook_allow; /* of eg_netaddr: not public, and yet taken; may be NULL */
    apr_interval_time_t session_idle, session_max; /* of User.Login's sessions */
    eg_dns_resolver resolver;                      /* for VerifyDomain */
    eg_domain_settings domains;                    /* what new domains are given */
    const char *submission_host;                   /* where mail is handed in by SMTP, as AddSMTP tells it */
    const apr_array_header_t *submission_ports;    /* of const char *, decimal; one at least */
    eg_rate rate, auth_failures; /* requests of a sender key; failures of a client's address */
} eg_limits;

/** What all children count in. */
typedef struct {
    eg_rates *keys, *failures;
    eg_rates *good; /* keys that the database knew lately: see ratelimit.h */
} eg_rate_tables;

/** The two families of endpoints: they say what is wrong in different ways. */
typedef enum {
    EG_SURFACE_V1,     /* /api/v1/...: {"Errors": [...]} and an HTTP status */
    EG_SURFACE_API_PHP /* /api.php: Success, ErrorCode, ErrorMessage, mostly with 200 */
} eg_surface;

/** Whose authority a command needs. */
typedef enum {
    EG_AUTH_NOBODY,
    EG_AUTH_SENDER_KEY, /* looked at by the command's own SQL function */
    EG_AUTH_ACCOUNT     /* SessionID or APIKey; account_id is authenticated before run */
} eg_authority;

enum { EG_OPTIONAL, EG_REQUIRED };

/** How a parameter's value is read. */
typedef enum {
    EG_TEXT,    /* characters of one line, without control characters */
    EG_ID,      /* a whole number from 1 on; what is none becomes 0, the id of nothing, where invalid is 0 */
    EG_UUID,    /* what is none becomes EG_UUID_NONE, the id of nothing, where invalid is 0 */
    EG_COUNT,   /* a whole number from 0 on */
    EG_BOOL,    /* see eg_json_bool */
    EG_DAY,     /* YYYY-MM-DD */
    EG_MAILBOX, /* an address, kept as it goes into an envelope */
    EG_NAME,    /* a display name, as POST /api/v1/email takes it */
    EG_TIME     /* any form of eg_datetime_parse but a day, and Unix seconds as a number; as SQL reads it */
} eg_kind;

/** One parameter of a command; a list ends with a NULL name. */
typedef struct {
    const char *name;
    eg_kind kind;
    int required; /* EG_REQUIRED or EG_OPTIONAL */
    int error;    /* code when it is required and missing, and when it is invalid */
    int invalid; /* code when it is there and invalid, where that differs; of an EG_ID or EG_UUID: 0 lets it pass */
    int max; /* bytes of an EG_TEXT */
} eg_param;

/** A command's numbered errors, in the order of the reference; a list ends with a NULL text. */
typedef struct {
    int code;
    const char *text;
} eg_fault;

struct eg_call;

/** A reply that no memory would hold: sent piece by piece, as they are made. */
typedef struct eg_stream {
    const char *type; /* Content-Type */
    const char *file; /* the name that it is to be saved under: letters, digits, - and . */
    /**
     * Make the next piece.
     * @param data  it; NULL: there are no more
     * @param size  bytes of it; with 0 there is nothing to be sent yet
     * @param pool  where it is; cleared before the next call
     * @return as eg_command.run: the client gets half a reply then, and can tell
     */
    apr_status_t (*next)(const char **data, apr_size_t *size, struct eg_call *call, apr_pool_t *pool);
    void *baton; /* of next */
} eg_stream;

/** What runs; commands.c says under which name. */
typedef struct {
    /**
     * Set call->reply or call->stream, or add to call->errors.
     * @return other than APR_SUCCESS when it is our fault, already logged:
     *         EG_DB_UNREACHABLE becomes a 503, all else a 500
     */
    apr_status_t (*run)(struct eg_call *call);
    const eg_param *params; /* checked in this order before run; NULL: run does it */
    const eg_fault *faults; /* what eg_call_refuse looks up; NULL on EG_SURFACE_V1 */
    const char *too_many;   /* the reference's words for 429, with {seconds}; NULL: those of most endpoints */
    int takes_batch;        /* the request may be as large as a batch's */
    int all_faults; /* ErrorCode is an array of all that apply: run is called also after faults of params,
                               to find the others (AddWebhook) */
} eg_command;

/** A row of the table in commands.c. */
typedef struct {
    const char *path; /* the last part of it may be <what it names>: any one, but for those that have a row */
    const char *name; /* of EG_SURFACE_API_PHP: its Command; else the method */
    eg_authority authority;
    const eg_command *command;
} eg_route;

typedef struct eg_call {
    apr_pool_t *pool;
    const eg_log *log;
    eg_db *db;
    const eg_limits *limits;
    const eg_secret *secret;
    const eg_rate_tables *rates; /* NULL: nothing is counted */
    eg_bytes sender_key;         /* public half, for new DKIM keys; no data where it is not configured */
    apr_time_t now;

    /* request */
    json_t *args;                /* object, body over query string */
    int from_form;               /* values came as text: structures may be JSON text in them */
    apr_size_t values_left;      /* ... values that all of these texts together may still have */
    const char *bearer;          /* of Authorization, or NULL */
    const char *idempotency_key; /* header, or NULL */
    const char *client;          /* the client's IP address as text */
    const char *path_id; /* what stands in the path where the route has <...>; NULL where it has none */

    /* route, auth, params */
    const eg_command *command;
    apr_int64_t account_id;
    unsigned char key_hash[EG_HASH_SIZE]; /* of the sender key */
    const unsigned char *session_hash;    /* EG_HASH_SIZE bytes; NULL: an APIKey alone */
    json_t *params;                       /* command->params as they were read; what is absent is not in it */

    /* reply: errors, or body with 200 */
    eg_errors errors;
    json_t *reply;       /* owned by the pool */
    eg_stream *stream;   /* in its place; or NULL */
    int retry_after;     /* seconds, of a limit that is reached; 0: none */
    eg_rate_state quota; /* of the rate that this call was counted by; its limit is 0 where there is none */
    int replayed;        /* the answer to an earlier request with the same Idempotency-Key */
} eg_call;

/* ---- the table (commands.c) ---------------------------------------------------------------------- */

/** Is this path one of ours, and of which family? @return 0 when it is not */
int eg_surface_of(eg_surface *surface, const char *path);

/** One of our paths as the table has it, with <...> in place of what stands there. NULL: it is none of ours. */
const char *eg_route_path(const char *path);

/** What stands in a path where the table has <...>; NULL where it has nothing so. */
const char *eg_route_id(const char *path);

/** The methods that one of our paths takes, as Allow lists them. */
const char *eg_route_methods(const char *path, apr_pool_t *pool);

/** The row for a path and a method (HEAD is GET without its body, RFC 9110 section 9.3.2), or NULL. */
const eg_route *eg_route_of_method(const char *path, const char *method);

/** The row for a path and the Command among the arguments, letter case ignored, or NULL. */
const eg_route *eg_route_of_command(const char *path, const json_t *args);

/* ---- for handlers --------------------------------------------------------------------------------- */

/** An argument as it came, by name, letter case ignored; NULL when absent or JSON null. */
json_t *eg_call_arg(const eg_call *call, const char *name);

/** The reply of a command that went well; call->pool owns it from here. */
void eg_call_reply(eg_call *call, json_t *reply);

/** An id as /api.php shows most of them: as text. */
const char *eg_call_id(const eg_call *call, apr_int64_t id);

/** A time in microseconds as /api.php shows it: RFC 3339, or null for 0. The caller owns it. */
json_t *eg_call_time(apr_time_t time);

/** Note one of the command's faults, in the reference's words. */
void eg_call_refuse(eg_call *call, int code);

/** The same with more to say: ": " and the detail stand behind the reference's words. */
void eg_call_refuse_for(eg_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * A call of the database that can be sent again, and answers no row where there is no such
 * thing, or it is another account's.
 * @param rows  NULL where that is so: the fault is noted, and the call answered
 * @param code  the fault
 * @return as eg_db_call
 */
apr_status_t eg_call_find(eg_rows **rows, eg_call *call, int code, const char *function, const eg_dbarg *args,
                          apr_size_t count);

/** The domain has as many of these as it may: EG_E_TOO_MANY. @param things  "webhooks" */
void eg_call_refuse_more(eg_call *call, int max, const char *things);

/**
 * For a call of EG_SURFACE_V1 with faults of its own: a key that does not
 * authenticate comes before all of them, alone.
 * @param permission  send, webhooks or events
 */
apr_status_t eg_call_authenticate(eg_call *call, const char *permission);

/** Give the caller's failure to use this key as the only error. @param status see sql sender_key */
void eg_call_refuse_key(eg_call *call, int status);

/* ---- parameters (params.c) -------------------------------------------------------------------------- */

/**
 * Read command->params from call->args into call->params; faults go to
 * call->errors: the first alone, or all where the command shows all.
 */
void eg_params_read(eg_call *call);

int eg_param_given(const eg_call *call, const char *name);
/** NULL when absent. */
const char *eg_param_text(const eg_call *call, const char *name);
/** 0 when absent; also of EG_BOOL. */
apr_int64_t eg_param_int(const eg_call *call, const char *name);
/** RetrieveCount of a page, an EG_COUNT: EG_PAGE_COUNT_DEFAULT when absent, EG_PAGE_COUNT_MAX at most. */
int eg_param_page(const eg_call *call);
/** As an argument of SQL, NULL when absent. */
eg_dbarg eg_param_arg(const eg_call *call, const char *name);

#endif
