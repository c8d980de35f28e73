/* EmailGateway.ReplayWebhook: one event, or those of a time, are posted to a webhook once more. */
#include "command.h"
#include "datetime.h"

static const eg_param params[] = {
    { "WebhookID", EG_ID, EG_REQUIRED, .error = 1 },
    { "DomainID", EG_ID, EG_OPTIONAL, .error = 2, .invalid = 2 },
    { "EventID", EG_UUID, EG_OPTIONAL, .error = 6, .invalid = 6 },
    { "StartDate", EG_TIME, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_TIME, EG_OPTIONAL, .error = EG_E_END_DATE },
    { "All", EG_BOOL, EG_OPTIONAL, .error = 9 },
    { "Enable", EG_BOOL, EG_OPTIONAL, .error = 10 },
    { .name = NULL },
};

/* Those from 4 on are numbered by emailgw_api.replay_posts. */
static const eg_fault faults[] = {
    { 1, "Missing required parameter: WebhookID" },
    { 2, "Invalid DomainID or DomainID not found" },
    { 3, "Domain validation failed: the webhook is of another domain" },
    { 4, "Webhook not found or user does not have permission to access it" },
    { 5, "Either EventID or StartDate is needed, and not both" },
    { 6, "Event not found, or the webhook is not told of its kind" },
    { 7, "What became of older posts is not known any more: 14 days at most" },
    { 8, "The webhook is disabled: Enable makes it active again" },
    { EG_E_TOO_BROAD, "Over 100000 events: ask for less time" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    char now[EG_DATETIME_SIZE];
    eg_rows *rows;
    apr_status_t rv;
    int status;

    if (eg_param_given(call, "EventID") == eg_param_given(call, "StartDate")) {
        eg_call_refuse(call, 5);
        return APR_SUCCESS;
    }
    eg_datetime_format(now, call->now);
    rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "replay_webhook",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                   eg_param_arg(call, "WebhookID"), eg_param_arg(call, "EventID"),
                   eg_param_arg(call, "StartDate"),
                   eg_param_given(call, "EndDate") ? eg_param_arg(call, "EndDate") : eg_db_text(now),
                   eg_param_arg(call, "All"), eg_param_arg(call, "Enable"), eg_db_int(EG_REPLAY_MAX)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:I}", "Posts", (json_int_t)eg_rows_int(rows, 0, "posts")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_replay_webhook = { .run = run, .params = params, .faults = faults };
