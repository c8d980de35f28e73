#include "command.h"

#include <string.h>

#include <apr_strings.h>

#include "json.h"

/* Every path and which file runs it; all take a sender key. */
static const eg_command commands[] = {
    { "/api/v1/email", "POST", eg_v1_send_email },
    { "/api/v1/events", "GET", eg_v1_get_events },
    { "/api/v1/webhooks", "POST", eg_v1_add_webhook },
    { "/api/v1/webhooks", "GET", eg_v1_get_webhooks },
    { "/api/v1/webhooks", "DELETE", eg_v1_delete_webhook },
};

const eg_command *eg_command_find(const char *path, const char *method)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

    for (apr_size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(path, commands[i].path) == 0 && strcmp(wanted, commands[i].method) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const char *eg_command_methods(const char *path, apr_pool_t *pool)
{
    const char *list = NULL;

    for (apr_size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *method = strcmp(commands[i].method, "GET") == 0 ? "GET, HEAD" : commands[i].method;

        if (strcmp(path, commands[i].path) == 0) {
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

void eg_call_refuse_key(eg_call *call, int status)
{
    static const struct {
        int status;
        const char *message;
    } reasons[] = {
        { EG_E_DOMAIN_GONE, "Invalid DomainID: the domain of this SenderAPIKey does not exist any more" },
        { EG_E_ACCOUNT, "Invalid or deactivated user account" },
        { EG_E_DOMAIN_INACTIVE, "Domain is not activated" },
        { EG_E_ACCOUNT_UNVERIFIED, "User account is not verified" },
    };

    for (apr_size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            eg_errors_only(&call->errors, status, "%s", reasons[i].message);
            return;
        }
    }
    eg_errors_only(&call->errors, EG_E_KEY, "Invalid SenderAPIKey");
}

apr_status_t eg_call_authenticate(eg_call *call, const char *permission)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                                            eg_db_text(permission)));

    if (rv == APR_SUCCESS && eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse_key(call, (int)eg_rows_int(rows, 0, "status"));
    }
    return rv;
}
