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
#include "request.h"
#include "response.h"
#include "store.h"

#define HANDLER "emailgw"

/* ---- log lines of the core go to httpd's error log -------------------------------------------- */

static void write_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    static const int levels[] = { APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG };

    ap_log_rerror(APLOG_MARK, levels[level], rv, (request_rec *)log->baton, "%s", line);
}

static const eg_log *log_of_request(request_rec *r)
{
    eg_log *log = apr_palloc(r->pool, sizeof *log);

    *log = (eg_log){ .write = write_log, .level = EG_LOG_DEBUG, .baton = r };
    return log;
}

/* ---- is a request ours? ------------------------------------------------------------------------ */

/* The path as the client asked for it: later hooks see what rewrites made of it. */
static int remember_uri(request_rec *r)
{
    if (r->main == NULL && r->prev == NULL) {
        ap_set_module_config(r->request_config, &emailgw_module, apr_pstrdup(r->pool, r->uri));
    }
    return DECLINED;
}

/* @return the methods that the path takes, NULL where it is none of ours */
static const char *methods_of(const char **path, request_rec *r)
{
    *path = ap_get_module_config(r->request_config, &emailgw_module);
    return *path != NULL ? eg_command_methods(*path, r->pool) : NULL;
}

static int is_on(request_rec *r)
{
    return egm_config_of_server(r->server)->engine == 1 && egm_config_of_request(r)->on == 1;
}

static int claim(request_rec *r)
{
    const char *path;

    if (!is_on(r) || methods_of(&path, r) == NULL) {
        return DECLINED;
    }
    r->handler = HANDLER;
    return OK;
}

static int claim_again(request_rec *r)
{
    claim(r);
    return DECLINED;
}

/* ---- the handler -------------------------------------------------------------------------------- */

static int refuse_method(request_rec *r, const char *path, const char *allowed)
{
    apr_table_setn(r->err_headers_out, "Allow", allowed);
    return egm_response_fail(r, HTTP_METHOD_NOT_ALLOWED, "%s takes the method %s only", path, allowed);
}

/* read -> authenticate -> run -> answer */
static int run_command(request_rec *r, const eg_command *command)
{
    const eg_log *log = log_of_request(r);
    eg_call call = {
        .pool = r->pool,
        .log = log,
        .db = egm_store_of_request(r, log),
        .limits = &egm_config_of_server(r->server)->limits,
        .secret = egm_config_of_server(r->server)->secret,
        .now = r->request_time,
    };
    apr_status_t rv = APR_SUCCESS;
    int status;

    egm_response_watch_filters(r);
    if (!egm_request_read(&call, &status, r, call.limits)) {
        return status;
    }
    eg_errors_init(&call.errors, r->pool);
    if (eg_auth_sender_key(&call)) {
        rv = command->run(&call);
    }
    return rv == APR_SUCCESS ? egm_response_send(r, &call) : egm_response_broken(r, rv);
}

static int handle(request_rec *r)
{
    const char *path, *methods = methods_of(&path, r);
    const eg_command *command;

    /* Any tenant can write SetHandler: only the permission and the path count. */
    if (r->handler == NULL || strcmp(r->handler, HANDLER) != 0 || !is_on(r) || methods == NULL) {
        return DECLINED;
    }
    command = eg_command_find(path, r->method);
    return command != NULL ? run_command(r, command) : refuse_method(r, path, methods);
}

/* ---- registration -------------------------------------------------------------------------------- */

static int check_config(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *s)
{
    (void)log_pool;
    (void)temp_pool;
    egm_store_register();
    return egm_config_check(pool, s);
}

static void register_hooks(apr_pool_t *pool)
{
    static const char *const after_rewrites[] = { "mod_rewrite.c", "mod_proxy.c", NULL };
    static const char *const before_dir[] = { "mod_dir.c", NULL };
    static const char *const before_proxy[] = { "mod_proxy.c", NULL };

    (void)pool;
    egm_response_register();
    ap_hook_post_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(remember_uri, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(claim, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(claim_again, after_rewrites, before_dir, APR_HOOK_MIDDLE);
    ap_hook_handler(handle, NULL, before_proxy, APR_HOOK_FIRST);
}

module AP_MODULE_DECLARE_DATA emailgw_module = {
    STANDARD20_MODULE_STUFF,  egm_config_make_dir,    egm_config_merge_dir,
    egm_config_make_server,   egm_config_merge_server, egm_directives,
    register_hooks,           AP_MODULE_FLAG_NONE
};
