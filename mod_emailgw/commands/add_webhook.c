/*
 * EmailGateway.AddWebhook: a URL that is told of events of a domain. Alone among
 * the commands it answers all its errors at once.
 */
#include "command.h"
#include "webhook.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

/* All others are eg_webhook_parse's. */
static const eg_fault faults[] = {
    { 1, "Missing required parameter DomainID" },
    { 4, "Domain not found or access denied" },
    { 0, NULL },
};

enum { NO_DOMAIN = 2 }; /* of emailgw_api.add_webhook */

static apr_status_t run(eg_call *call)
{
    eg_webhook hook;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    eg_webhook_parse(&hook, call);
    if (!eg_param_given(call, "DomainID")) {
        return APR_SUCCESS;
    }
    /* With other errors it only says whether there is the domain. Not repeatable: a second webhook would tell
       everything twice. */
    rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "add_webhook",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                   eg_db_text(eg_errors_any(&call->errors) ? NULL : hook.url),
                   eg_db_texts((const char *const *)hook.events->elts, (apr_size_t)hook.events->nelts),
                   eg_db_int(EG_WEBHOOKS_MAX), eg_db_text(hook.payload)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status == EG_E_TOO_MANY) {
        eg_call_refuse_more(call, EG_WEBHOOKS_MAX, "webhooks");
    }
    else if (status == NO_DOMAIN) {
        eg_call_refuse(call, 4);
    }
    else if (!eg_errors_any(&call->errors)) {
        eg_call_reply(call, json_pack("{s:s}", "NewWebhookID", eg_rows_text(rows, 0, "webhook_id")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_webhook = { .run = run, .params = params, .faults = faults, .all_faults = 1 };
