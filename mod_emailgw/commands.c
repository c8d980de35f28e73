#include "command.h"

#include <stdarg.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "datetime.h"
#include "json.h"
#include "ratelimit.h"

/* Defined in commands/<command>.c. */
extern const eg_command eg_cmd_user_login, eg_cmd_user_logout;
extern const eg_command eg_cmd_add_domain, eg_cmd_delete_domain, eg_cmd_get_domain, eg_cmd_get_domains;
extern const eg_command eg_cmd_update_domain, eg_cmd_verify_domain;
extern const eg_command eg_cmd_add_api, eg_cmd_add_smtp, eg_cmd_add_webhook;
extern const eg_command eg_cmd_clear_domain_queue;
extern const eg_command eg_cmd_delete_api, eg_cmd_delete_smtp, eg_cmd_delete_webhook;
extern const eg_command eg_cmd_get_apis, eg_cmd_get_smtps, eg_cmd_get_webhooks;
extern const eg_command eg_cmd_reset_smtp_password;
extern const eg_command eg_cmd_add_template, eg_cmd_delete_template, eg_cmd_get_templates,
    eg_cmd_update_template;
extern const eg_command eg_cmd_add_list, eg_cmd_delete_list, eg_cmd_get_lists, eg_cmd_get_list_job;
extern const eg_command eg_cmd_add_subscribers, eg_cmd_delete_subscriber, eg_cmd_get_subscribers;
extern const eg_command eg_cmd_replace_api, eg_cmd_regenerate_signing_key;
extern const eg_command eg_cmd_add_suppression, eg_cmd_delete_suppression, eg_cmd_get_suppressions;
extern const eg_command eg_cmd_import_suppressions;
extern const eg_command eg_cmd_erase_address, eg_cmd_get_erasure;
extern const eg_command eg_cmd_get_webhook_deliveries, eg_cmd_replay_webhook, eg_cmd_test_webhook;
extern const eg_command eg_cmd_get_events, eg_cmd_aggr_events, eg_cmd_domain_stats;
extern const eg_command eg_cmd_get_message, eg_cmd_cancel_message;
extern const eg_command eg_cmd_v1_send_email, eg_cmd_v1_send_batch, eg_cmd_v1_get_events;
extern const eg_command eg_cmd_v1_get_message, eg_cmd_v1_cancel_message, eg_cmd_v1_move_message;
extern const eg_command eg_cmd_list_recipient_domains, eg_cmd_recipient_domain_stats;
extern const eg_command eg_cmd_export_events, eg_cmd_account_stats, eg_cmd_daily_series;
extern const eg_command eg_cmd_v1_add_webhook, eg_cmd_v1_get_webhooks, eg_cmd_v1_delete_webhook;

#define API_PHP "/api.php"

/* THE table: every path and command, who may call it, and which file runs it. */
static const eg_route routes[] = {
    { API_PHP, "User.Login", EG_AUTH_NOBODY, &eg_cmd_user_login },
    { API_PHP, "User.Logout", EG_AUTH_ACCOUNT, &eg_cmd_user_logout },

    { API_PHP, "EmailGateway.AccountStats", EG_AUTH_ACCOUNT, &eg_cmd_account_stats },
    { API_PHP, "EmailGateway.AddAPI", EG_AUTH_ACCOUNT, &eg_cmd_add_api },
    { API_PHP, "EmailGateway.AddDomain", EG_AUTH_ACCOUNT, &eg_cmd_add_domain },
    { API_PHP, "EmailGateway.AddSMTP", EG_AUTH_ACCOUNT, &eg_cmd_add_smtp },
    { API_PHP, "EmailGateway.AddSuppression", EG_AUTH_ACCOUNT, &eg_cmd_add_suppression },
    { API_PHP, "EmailGateway.AddWebhook", EG_AUTH_ACCOUNT, &eg_cmd_add_webhook },
    { API_PHP, "EmailGateway.AggrEvents", EG_AUTH_ACCOUNT, &eg_cmd_aggr_events },
    { API_PHP, "EmailGateway.CancelMessage", EG_AUTH_ACCOUNT, &eg_cmd_cancel_message },
    { API_PHP, "EmailGateway.ClearDomainQueue", EG_AUTH_ACCOUNT, &eg_cmd_clear_domain_queue },
    { API_PHP, "EmailGateway.DailySeries", EG_AUTH_ACCOUNT, &eg_cmd_daily_series },
    { API_PHP, "EmailGateway.DeleteAPI", EG_AUTH_ACCOUNT, &eg_cmd_delete_api },
    { API_PHP, "EmailGateway.DeleteDomain", EG_AUTH_ACCOUNT, &eg_cmd_delete_domain },
    { API_PHP, "EmailGateway.DeleteSMTP", EG_AUTH_ACCOUNT, &eg_cmd_delete_smtp },
    { API_PHP, "EmailGateway.DeleteSuppression", EG_AUTH_ACCOUNT, &eg_cmd_delete_suppression },
    { API_PHP, "EmailGateway.DeleteWebhook", EG_AUTH_ACCOUNT, &eg_cmd_delete_webhook },
    { API_PHP, "EmailGateway.DomainStats", EG_AUTH_ACCOUNT, &eg_cmd_domain_stats },
    { API_PHP, "EmailGateway.ExportEvents", EG_AUTH_ACCOUNT, &eg_cmd_export_events },
    { API_PHP, "EmailGateway.EraseAddress", EG_AUTH_ACCOUNT, &eg_cmd_erase_address },
    { API_PHP, "EmailGateway.GetAPIs", EG_AUTH_ACCOUNT, &eg_cmd_get_apis },
    { API_PHP, "EmailGateway.GetDomain", EG_AUTH_ACCOUNT, &eg_cmd_get_domain },
    { API_PHP, "EmailGateway.GetDomains", EG_AUTH_ACCOUNT, &eg_cmd_get_domains },
    { API_PHP, "EmailGateway.GetErasure", EG_AUTH_ACCOUNT, &eg_cmd_get_erasure },
    { API_PHP, "EmailGateway.GetEvents", EG_AUTH_ACCOUNT, &eg_cmd_get_events },
    { API_PHP, "EmailGateway.GetMessage", EG_AUTH_ACCOUNT, &eg_cmd_get_message },
    { API_PHP, "EmailGateway.GetSMTPs", EG_AUTH_ACCOUNT, &eg_cmd_get_smtps },
    { API_PHP, "EmailGateway.GetSuppressions", EG_AUTH_ACCOUNT, &eg_cmd_get_suppressions },
    { API_PHP, "EmailGateway.GetWebhookDeliveries", EG_AUTH_ACCOUNT, &eg_cmd_get_webhook_deliveries },
    { API_PHP, "EmailGateway.GetWebhooks", EG_AUTH_ACCOUNT, &eg_cmd_get_webhooks },
    { API_PHP, "EmailGateway.ImportSuppressions", EG_AUTH_ACCOUNT, &eg_cmd_import_suppressions },
    { API_PHP, "EmailGateway.RegenerateSigningKey", EG_AUTH_ACCOUNT, &eg_cmd_regenerate_signing_key },
    { API_PHP, "EmailGateway.ReplaceAPI", EG_AUTH_ACCOUNT, &eg_cmd_replace_api },
    { API_PHP, "EmailGateway.ReplayWebhook", EG_AUTH_ACCOUNT, &eg_cmd_replay_webhook },
    { API_PHP, "EmailGateway.ListRecipientDomains", EG_AUTH_ACCOUNT, &eg_cmd_list_recipient_domains },
    { API_PHP, "EmailGateway.RecipientDomainStats", EG_AUTH_ACCOUNT, &eg_cmd_recipient_domain_stats },
    { API_PHP, "EmailGateway.ResetSMTPPassword", EG_AUTH_ACCOUNT, &eg_cmd_reset_smtp_password },
    { API_PHP, "EmailGateway.TestWebhook", EG_AUTH_ACCOUNT, &eg_cmd_test_webhook },
    { API_PHP, "EmailGateway.UpdateDomain", EG_AUTH_ACCOUNT, &eg_cmd_update_domain },
    { API_PHP, "EmailGateway.VerifyDomain", EG_AUTH_ACCOUNT, &eg_cmd_verify_domain },

    { API_PHP, "EmailGateway.AddTemplate", EG_AUTH_ACCOUNT, &eg_cmd_add_template },
    { API_PHP, "EmailGateway.DeleteTemplate", EG_AUTH_ACCOUNT, &eg_cmd_delete_template },
    { API_PHP, "EmailGateway.GetTemplates", EG_AUTH_ACCOUNT, &eg_cmd_get_templates },
    { API_PHP, "EmailGateway.UpdateTemplate", EG_AUTH_ACCOUNT, &eg_cmd_update_template },

    { API_PHP, "EmailGateway.AddList", EG_AUTH_ACCOUNT, &eg_cmd_add_list },
    { API_PHP, "EmailGateway.DeleteList", EG_AUTH_ACCOUNT, &eg_cmd_delete_list },
    { API_PHP, "EmailGateway.GetListJob", EG_AUTH_ACCOUNT, &eg_cmd_get_list_job },
    { API_PHP, "EmailGateway.GetLists", EG_AUTH_ACCOUNT, &eg_cmd_get_lists },
    { API_PHP, "EmailGateway.AddSubscribers", EG_AUTH_ACCOUNT, &eg_cmd_add_subscribers },
    { API_PHP, "EmailGateway.DeleteSubscriber", EG_AUTH_ACCOUNT, &eg_cmd_delete_subscriber },
    { API_PHP, "EmailGateway.GetSubscribers", EG_AUTH_ACCOUNT, &eg_cmd_get_subscribers },

    { "/api/v1/email", "POST", EG_AUTH_SENDER_KEY, &eg_cmd_v1_send_email },
    { "/api/v1/email/batch", "POST", EG_AUTH_SENDER_KEY, &eg_cmd_v1_send_batch },
    { "/api/v1/email/<MessageID>", "GET", EG_AUTH_SENDER_KEY, &eg_cmd_v1_get_message },
    { "/api/v1/email/<MessageID>", "DELETE", EG_AUTH_SENDER_KEY, &eg_cmd_v1_cancel_message },
    { "/api/v1/email/<MessageID>", "PATCH", EG_AUTH_SENDER_KEY, &eg_cmd_v1_move_message },
    { "/api/v1/events", "GET", EG_AUTH_SENDER_KEY, &eg_cmd_v1_get_events },
    { "/api/v1/webhooks", "POST", EG_AUTH_SENDER_KEY, &eg_cmd_v1_add_webhook },
    { "/api/v1/webhooks", "GET", EG_AUTH_SENDER_KEY, &eg_cmd_v1_get_webhooks },
    { "/api/v1/webhooks", "DELETE", EG_AUTH_SENDER_KEY, &eg_cmd_v1_delete_webhook },
};

#define ROUTE_COUNT (sizeof routes / sizeof *routes)

/* Does it differ from the row's path only in what stands for <...>: one part, not empty? */
static int is_of_pattern(const char *path, const char *pattern)
{
    const char *open = strchr(pattern, '<');
    apr_size_t length = open != NULL ? (apr_size_t)(open - pattern) : 0;

    return open != NULL && strncmp(path, pattern, length) == 0 && path[length] != '\0' &&
           strchr(path + length, '/') == NULL;
}

const char *eg_route_path(const char *path)
{
    const char *pattern = NULL;

    for (apr_size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(path, routes[i].path) == 0) {
            return routes[i].path;
        }
        if (is_of_pattern(path, routes[i].path)) {
            pattern = routes[i].path;
        }
    }
    return pattern;
}

int eg_surface_of(eg_surface *surface, const char *path)
{
    path = eg_route_path(path);
    if (path != NULL) {
        *surface = strcmp(path, API_PHP) == 0 ? EG_SURFACE_API_PHP : EG_SURFACE_V1;
    }
    return path != NULL;
}

const char *eg_route_id(const char *path)
{
    const char *pattern = eg_route_path(path), *open = pattern != NULL ? strchr(pattern, '<') : NULL;

    return open != NULL ? path + (open - pattern) : NULL;
}

/* Is this row one of the path's? @param pattern  as eg_route_path has it */
static int is_row_of(const eg_route *route, const char *pattern)
{
    return pattern != NULL && strcmp(pattern, route->path) == 0;
}

const eg_route *eg_route_of_method(const char *path, const char *method)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method, *pattern = eg_route_path(path);

    for (apr_size_t i = 0; i < ROUTE_COUNT; i++) {
        if (is_row_of(&routes[i], pattern) && strcmp(wanted, routes[i].name) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

const eg_route *eg_route_of_command(const char *path, const json_t *args)
{
    const char *name = json_string_value(eg_json_get(args, "Command"));

    for (apr_size_t i = 0; name != NULL && i < ROUTE_COUNT; i++) {
        if (strcmp(path, routes[i].path) == 0 && apr_cstr_casecmp(name, routes[i].name) == 0) {
            return &routes[i];
        }
    }
    return NULL;
}

const char *eg_route_methods(const char *path, apr_pool_t *pool)
{
    const char *list = NULL, *pattern = eg_route_path(path);

    if (strcmp(path, API_PHP) == 0) {
        return "POST";
    }
    for (apr_size_t i = 0; i < ROUTE_COUNT; i++) {
        const char *method = strcmp(routes[i].name, "GET") == 0 ? "GET, HEAD" : routes[i].name;

        if (is_row_of(&routes[i], pattern)) {
            list = list != NULL ? apr_pstrcat(pool, list, ", ", method, NULL) : method;
        }
    }
    return list;
}

json_t *eg_call_arg(const eg_call *call, const char *name)
{
    json_t *value = eg_json_get(call->args, name);

    return json_is_null(value) ? NULL : value;
}

void eg_call_reply(eg_call *call, json_t *reply)
{
    call->reply = eg_json_own(reply, call->pool);
}

const char *eg_call_id(const eg_call *call, apr_int64_t id)
{
    return apr_psprintf(call->pool, "%" APR_INT64_T_FMT, id);
}

json_t *eg_call_time(apr_time_t time)
{
    char text[EG_DATETIME_SIZE];

    return time == 0 ? json_null() : json_string(eg_datetime_format(text, time));
}

/* The reference's words for a code of this command. */
static const char *words_of(const eg_call *call, int code)
{
    const eg_fault *fault = call->command->faults;

    while (fault->text != NULL && fault->code != code) {
        fault++;
    }
    return fault->text != NULL ? fault->text : "Invalid request";
}

void eg_call_refuse(eg_call *call, int code)
{
    eg_errors_add(&call->errors, code, "%s", words_of(call, code));
}

void eg_call_refuse_for(eg_call *call, int code, const char *format, ...)
{
    const char *detail;
    va_list args;

    va_start(args, format);
    detail = apr_pvsprintf(call->pool, format, args);
    va_end(args);
    eg_errors_add(&call->errors, code, "%s: %s", words_of(call, code), detail);
}

apr_status_t eg_call_find(eg_rows **rows, eg_call *call, int code, const char *function, const eg_dbarg *args,
                          apr_size_t count)
{
    apr_status_t rv = eg_db_call(rows, call->db, EG_DB_REPEATABLE, function, args, count);

    if (rv == APR_SUCCESS && eg_rows_count(*rows) == 0) {
        eg_call_refuse(call, code);
        *rows = NULL;
    }
    return rv;
}

void eg_call_refuse_more(eg_call *call, int max, const char *things)
{
    eg_errors_add(&call->errors, EG_E_TOO_MANY, "The domain has %d %s, which is the most: delete one first",
                  max, things);
}

void eg_call_refuse_key(eg_call *call, int status)
{
    static const eg_fault reasons[] = {
        { EG_E_DOMAIN_GONE, "Invalid DomainID: the domain of this SenderAPIKey does not exist any more" },
        { EG_E_ACCOUNT, "Invalid or deactivated user account" },
        { EG_E_DOMAIN_INACTIVE, "Domain is not activated" },
        { EG_E_ACCOUNT_UNVERIFIED, "User account is not verified" },
    };

    for (apr_size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].code == status) {
            eg_errors_only(&call->errors, status, "%s", reasons[i].text);
            return;
        }
    }
    /* A good key that may not do this is no guess: what else its address does goes on. */
    if (status == EG_E_KEY) {
        eg_ratelimit_failed(call, call->key_hash);
    }
    eg_errors_only(&call->errors, EG_E_KEY, "Invalid SenderAPIKey");
}

apr_status_t eg_call_authenticate(eg_call *call, const char *permission)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate",
                   EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                              eg_db_text(permission)));

    if (rv == APR_SUCCESS && eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse_key(call, (int)eg_rows_int(rows, 0, "status"));
    }
    return rv;
}
