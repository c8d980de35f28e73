/*
 * The module record and its hooks: all that httpd calls, nothing else.
 *
 * A path is ours where EmailGatewayEngine allows the gateway and EmailGateway
 * switches it on. It is claimed three times, since other modules claim it too:
 * before mod_mime and mod_negotiation look for a file, after mod_rewrite and
 * mod_proxy have had their say, and ahead of mod_proxy's handler.
 */
#include "mod_emailgw.h"

#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "auth.h"
#include "config.h"
#include "directives.h"
#include "limiter.h"
#include "request.h"
#include "response.h"
#include "smtp_listener.h"
#include "smtp_start.h"
#include "store.h"
#include "tracking.h"
#include "trackspool.h"

#define HANDLER "emailgw"

/* ---- log lines of the core go to httpd's error log -------------------------------------------- */

int egm_log_level(eg_log_level level)
{
    static const int levels[] = { APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG };

    return levels[level];
}

static void write_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    ap_log_rerror(APLOG_MARK, egm_log_level(level), rv, (request_rec *)log->baton, "%s", line);
}

static const eg_log *log_of_request(request_rec *r)
{
    eg_log *log = apr_palloc(r->pool, sizeof *log);

    *log = (eg_log){ .write = write_log, .level = EG_LOG_DEBUG, .baton = r };
    return log;
}

/* ---- is a request ours? ------------------------------------------------------------------------ */

static int remember_uri(request_rec *r)
{
    if (r->main == NULL && r->prev == NULL) {
        ap_set_module_config(r->request_config, &emailgw_module, apr_pstrdup(r->pool, r->uri));
    }
    return DECLINED;
}

const char *egm_path_of_request(const request_rec *r)
{
    const char *path = ap_get_module_config(r->request_config, &emailgw_module);

    return path != NULL ? path : "";
}

static int is_ours(const request_rec *r)
{
    const char *path = egm_path_of_request(r);
    eg_surface surface;

    return egm_config_is_on(r) && (eg_surface_of(&surface, path) || egm_tracking_owns(r, path));
}

static int claim(request_rec *r)
{
    if (!is_ours(r)) {
        return DECLINED;
    }
    r->handler = HANDLER;
    r->finfo.filetype = APR_NOFILE; /* mod_dir would lead to a folder of this name, whatever the handler */
    return OK;
}

static int claim_again(request_rec *r)
{
    claim(r);
    return DECLINED;
}

/* ---- the handler -------------------------------------------------------------------------------- */

static int refuse_method(request_rec *r)
{
    const char *path = egm_path_of_request(r), *allowed = eg_route_methods(path, r->pool);

    apr_table_setn(r->err_headers_out, "Allow", allowed);
    return egm_response_fail(r, HTTP_METHOD_NOT_ALLOWED, "%s takes the method %s only", eg_route_path(path),
                             allowed);
}

static void prepare(eg_call *call, request_rec *r)
{
    const egm_server_config *config = egm_config_of_server(r->server);
    const eg_log *log = log_of_request(r);

    *call = (eg_call){
        .pool = r->pool,
        .log = log,
        .db = egm_store_of_request(r, log),
        .limits = egm_config_limits(r),
        .secret = config->secret,
        .rates = config->rates,
        .sender_key = config->sender_key,
        .now = r->request_time,
        .path_id = eg_route_id(egm_path_of_request(r)),
    };
    eg_errors_init(&call->errors, r->pool);
}

/* authenticate -> read the parameters -> run -> answer */
static int run_command(request_rec *r, eg_call *call, const eg_route *route)
{
    apr_status_t rv;

    call->command = route->command;
    rv = eg_authorize(call, route->authority);
    egm_response_quota(r, call);
    if (rv == APR_SUCCESS && !eg_errors_any(&call->errors)) {
        eg_params_read(call);
        if (call->command->all_faults || !eg_errors_any(&call->errors)) {
            rv = call->command->run(call);
        }
    }
    if (rv == APR_SUCCESS && !eg_errors_any(&call->errors)) {
        eg_authorized(call, route->authority);
    }
    return rv == APR_SUCCESS ? egm_response_send(r, call) : egm_response_broken(r, rv);
}

/* What a request may be that is read for this route; NULL: which one is not known yet. */
static const eg_limits *limits_for(const eg_route *route, const eg_limits *limits, apr_pool_t *pool)
{
    eg_limits *wide;

    if (route == NULL || !route->command->takes_batch) {
        return limits;
    }
    wide = apr_pmemdup(pool, limits, sizeof *limits);
    wide->body_max = limits->batch_body_max;
    wide->values_max = EG_BATCH_VALUES_MAX;
    return wide;
}

/* A path of /api/v1 is one command a method; /api.php takes POST, and its commands by name. */
static int handle_ours(request_rec *r, eg_call *call, eg_surface surface)
{
    const char *path = egm_path_of_request(r);
    const eg_route *route = eg_route_of_method(path, r->method);
    int status, shared = egm_response_share(r, call->limits);
    if (shared && egm_response_is_preflight(r)) {
        return egm_response_preflight(r, eg_route_methods(path, r->pool));
    }
    if (surface == EG_SURFACE_API_PHP ? r->method_number != M_POST : route == NULL) {
        return refuse_method(r);
    }
    egm_response_watch_filters(r);
    if (!egm_request_read(call, &status, r, limits_for(route, call->limits, r->pool))) {
        return status;
    }
    if (surface == EG_SURFACE_API_PHP) {
        route = eg_route_of_command(path, call->args);
    }
    if (route == NULL) {
        return egm_response_fail(r, HTTP_NOT_FOUND,
                                 "Unknown Command: one such as EmailGateway.GetDomains is needed");
    }
    return run_command(r, call, route);
}

static int handle(request_rec *r)
{
    const char *path = egm_path_of_request(r);
    eg_surface surface;
    eg_call call;

    /* Any tenant can write SetHandler: only the permission and the path count. */
    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0 || !is_ours(r)) {
        return DECLINED;
    }
    prepare(&call, r);
    return eg_surface_of(&surface, path) ? handle_ours(r, &call, surface)
                                         : egm_tracking_answer(r, &call, path);
}

/* ---- registration -------------------------------------------------------------------------------- */

static int finish_config(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *s)
{
    int status;

    (void)log_pool;
    (void)temp_pool;
    egm_store_register();
    status = egm_config_finish(pool, s);
    if (status == OK) {
        status = egm_limiter_start(s);
    }
    if (status == OK) {
        status = egm_smtp_start(s);
    }
    return status == OK ? egm_trackspool_start(pool, s) : status;
}

static void register_hooks(apr_pool_t *pool)
{
    static const char *const after_rewrites[] = { "mod_rewrite.c", "mod_proxy.c", NULL };
    static const char *const after_ssl[] = { "mod_ssl.c", NULL };
    static const char *const before_dir[] = { "mod_dir.c", NULL };
    static const char *const before_proxy[] = { "mod_proxy.c", NULL };

    (void)pool;
    egm_response_register();
    egm_smtp_register();
    /* Before mod_watchdog begins its threads. */
    ap_hook_child_init(egm_store_child_init, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_child_init(egm_trackspool_child_init, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_check_config(egm_config_read_keys, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(egm_smtp_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(egm_trackspool_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(finish_config, after_ssl, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(remember_uri, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(claim_again, after_rewrites, before_dir, APR_HOOK_MIDDLE);
    ap_hook_handler(handle, NULL, before_proxy, APR_HOOK_FIRST);
}

module AP_MODULE_DECLARE_DATA emailgw_module = { STANDARD20_MODULE_STUFF, egm_config_make_dir,
                                                 egm_config_merge_dir,    egm_config_make_server,
                                                 egm_config_merge_server, egm_directives,
                                                 register_hooks,          AP_MODULE_FLAG_NONE };
