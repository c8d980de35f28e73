/*
 * What the directives have set for a server and for a request: merged, with
 * defaults, checked at start-up.
 */
#ifndef EGM_CONFIG_H
#define EGM_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "command.h"

#define EGM_ANY_ACCOUNT (-1)

/** On or Off, where it was said. */
typedef enum { EGM_UNSET, EGM_ON, EGM_OFF } egm_flag;

/** What a virtual host's port takes by SMTP. */
typedef enum { EGM_SMTP_UNSET, EGM_SMTP_OFF, EGM_SMTP_SUBMISSION, EGM_SMTP_BOUNCES } egm_smtp;

/**
 * A value for each directive; unset is all 0. directives.c says where each may be
 * set and how those of several levels make one.
 */
typedef struct {
    egm_flag engine;                   /* may the gateway be switched on here? default Off */
    egm_flag on;                       /* default Off */
    egm_flag compat_status;            /* answer every handler error with 200, default Off */
    egm_flag tracking;                 /* may mails be tracked? default On */
    const apr_array_header_t *origins; /* see origin.h; default none */
    apr_int64_t account_id;            /* EGM_ANY_ACCOUNT or one; default any */
    const char *secret_file, *sender_key_file;
    apr_int64_t to_max, cc_max, bcc_max, reply_to_max; /* addresses */
    apr_int64_t body_max, body_memory;                 /* bytes */
    apr_int64_t batch_max;                             /* mails */
    apr_int64_t batch_body_max;                        /* bytes */
    const apr_array_header_t *webhook_allow;           /* of eg_netaddr */
    const apr_array_header_t *resolver;                /* of eg_netaddr */
    apr_interval_time_t resolver_timeout, database_timeout;
    const char *mail_host, *tracking_url;
    const char *tracking_path, *tracking_spool;
    apr_int64_t tracking_spool_max; /* bytes */
    apr_interval_time_t session_idle, session_max;
    const char *submission_host;
    const apr_array_header_t *submission_ports; /* of const char * */
    egm_smtp smtp;                              /* default Off */
    egm_flag smtp_insecure_auth;                /* default Off */
    apr_int64_t smtp_message_max;               /* bytes */
    apr_int64_t smtp_recipients_max;            /* addresses */
    apr_interval_time_t smtp_timeout;           /* for a command */
    apr_interval_time_t smtp_data_timeout;      /* for a whole mail */
    eg_rate rate, auth_failures;                /* off: a limit of 0, and a window all the same */
} egm_settings;

/** Of a server or virtual host. */
typedef struct {
    egm_settings settings;         /* with their defaults, after egm_config_finish */
    eg_limits limits;              /* the same for handlers, made by egm_config_finish */
    eg_secret *secret;             /* read as root at start */
    const eg_rate_tables *rates;   /* of all servers; see limiter.h */
    eg_bytes sender_key;           /* public half; no data without EmailGatewaySenderKeyFile */
    struct egm_database *database; /* once a connection has told which that is (store.c) */
    int has_tls;                   /* mod_ssl serves it; told by mod_ssl (smtp_tls.c) */
    int smtp_implicit;             /* SMTP there begins with TLS: its Listen says smtps */
    int smtp_starttls;             /* SMTP there offers STARTTLS */
} egm_server_config;

void *egm_config_make_server(apr_pool_t *pool, server_rec *s);
void *egm_config_merge_server(apr_pool_t *pool, void *base, void *add);
void *egm_config_make_dir(apr_pool_t *pool, char *dir);
void *egm_config_merge_dir(apr_pool_t *pool, void *base, void *add);

/**
 * The check_config hook: for every server with the engine on, read its key files, and see that it has a
 * database that can be one. `httpd -t` does it, too, so that a reload that is tested before takes no sites down.
 * @return other than OK stops the start, with the reason logged
 */
int egm_config_read_keys(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *scratch,
                         server_rec *main_server);

/** Fill in defaults, for every server. @return other than OK stops the start */
int egm_config_finish(apr_pool_t *pool, server_rec *main_server);

egm_server_config *egm_config_of_server(const server_rec *s);

/** @name Of a request, by all levels that apply to it */
/** @{ */
/** Is the gateway permitted, and switched on, where the request leads? */
int egm_config_is_on(const request_rec *r);
int egm_config_compat_status(const request_rec *r);
/** What the server allows, and directories may have narrowed. */
const eg_limits *egm_config_limits(const request_rec *r);
/** @} */

#endif
