/*
 * Directives: their table, defaults, merge rules and checks at start-up.
 */
#ifndef EGM_CONFIG_H
#define EGM_CONFIG_H

#include <httpd.h>
#include <http_config.h>

#include "command.h"

/** Of a server or virtual host: only the admin sets these. */
typedef struct {
    int engine;                /* may the gateway be switched on here? unset -1, default 0 */
    const char *secret_file;   /* NULL: unset */
    const char *sender_key_file;
    int to_max, cc_max, bcc_max, reply_to_max; /* addresses; unset 0 */
    apr_int64_t body_max;      /* bytes; unset 0 */
    const apr_array_header_t *webhook_allow; /* of eg_netaddr; NULL: unset */
    const apr_array_header_t *resolver;      /* of eg_netaddr; NULL: unset */
    apr_interval_time_t resolver_timeout;    /* unset 0 */
    const char *mail_host, *tracking_url;    /* NULL: unset */
    apr_interval_time_t session_idle, session_max; /* unset 0 */
    const char *submission_host; /* NULL: unset */
    const apr_array_header_t *submission_ports; /* of const char *; NULL: unset */
    eg_rate rate, auth_failures; /* unset: a window of 0; off: a limit of 0 */
    eg_limits limits;          /* the above with their defaults, made by egm_config_check */
    eg_secret *secret;         /* read as root at start */
    const eg_rate_tables *rates; /* of all servers; see limiter.h */
    eg_bytes sender_key;       /* public half; no data without EmailGatewaySenderKeyFile */
} egm_server_config;

/** Of a directory, location or .htaccess. */
typedef struct {
    int on;            /* unset -1, default 0 */
    int compat_status; /* unset -1, default 0: answer every handler error with 200 */
} egm_dir_config;

extern const command_rec egm_directives[];

void *egm_config_make_server(apr_pool_t *pool, server_rec *s);
void *egm_config_merge_server(apr_pool_t *pool, void *base, void *add);
void *egm_config_make_dir(apr_pool_t *pool, char *dir);
void *egm_config_merge_dir(apr_pool_t *pool, void *base, void *add);

/**
 * For every server with the engine on: fill in defaults, read its secret file.
 * @return a HTTP_ or DONE-style hook status; other than OK stops the start, with the reason logged
 */
int egm_config_check(apr_pool_t *pool, server_rec *main_server);

egm_server_config *egm_config_of_server(const server_rec *s);
const egm_dir_config *egm_config_of_request(const request_rec *r);

#endif
