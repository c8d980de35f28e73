/* EmailGateway.GetWebhooks: the webhooks of a domain, one row each, and how posts are signed. */
#include <string.h>

#include "command.h"
#include "eventtype.h"
#include "json.h"
#include "webhook.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter DomainID" },
    { 2, "Invalid domain or domain does not belong to the user" },
    { 0, NULL },
};

/* The rows of a webhook, one an event, follow each other. */
static int begins_webhook(const eg_rows *rows, int row)
{
    return row == 0 ||
           strcmp(eg_rows_text(rows, row, "webhook_id"), eg_rows_text(rows, row - 1, "webhook_id")) != 0;
}

static json_t *webhooks_json(const eg_rows *rows)
{
    json_t *hooks = json_array(), *hook, *events = NULL;

    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "webhook_id") != NULL; row++) {
        if (begins_webhook(rows, row)) {
            events = json_array();
            hook = json_pack("{s:s, s:s, s:o}", "WebhookID", eg_rows_text(rows, row, "webhook_id"), "URL",
                             eg_rows_text(rows, row, "url"), "Events", events);
            eg_webhook_show_state(hook, rows, row);
            json_array_append_new(hooks, hook);
        }
        json_array_append_new(events, json_string(eg_eventtype_name((int)eg_rows_int(rows, row, "type"))));
    }
    return hooks;
}

static apr_status_t run(eg_call *call)
{
    const char *key = NULL;
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 2, "get_webhooks",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    rv = eg_webhook_show_key(&key, call, eg_rows_bytes(rows, 0, "key_sealed", call->pool));
    if (rv == APR_SUCCESS) {
        eg_call_reply(call, json_pack("{s:s, s:o}", "SigningKey", key, "Webhooks", webhooks_json(rows)));
    }
    return rv;
}

const eg_command eg_cmd_get_webhooks = { .run = run, .params = params, .faults = faults };
