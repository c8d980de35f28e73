/* EmailGateway.TestWebhook: a post that tells of no event, queued like all others. */
#include "command.h"

static const eg_param params[] = {
    { "WebhookID", EG_ID, EG_REQUIRED, .error = 1 },
    { "DomainID", EG_ID, EG_OPTIONAL, .error = 2, .invalid = 2 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: WebhookID" },
    { 2, "Invalid DomainID or DomainID not found" },
    { 3, "Domain validation failed: the webhook is of another domain" },
    { 4, "Webhook not found or user does not have permission to access it" },
    { 5, "The webhook is disabled: ReplayWebhook with Enable makes it active again" },
    { 6, "The webhook was tested ten times within a minute: try again later" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "test_webhook",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                            eg_param_arg(call, "WebhookID")));
    int status;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "EventID", eg_rows_text(rows, 0, "event_id")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_test_webhook = { .run = run, .params = params, .faults = faults };
