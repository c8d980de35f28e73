/* GET /api/v1/webhooks: the webhooks of the key's domain, one row an event, and how posts are signed. */
#include "command.h"
#include "datetime.h"
#include "eventtype.h"
#include "webhook.h"

static json_t *webhook_json(const eg_rows *rows, int row)
{
    json_t *hook =
        json_pack("{s:s, s:s, s:s, s:s}", "WebhookID", eg_rows_text(rows, row, "webhook_id"), "Event",
                  eg_eventtype_synonym((int)eg_rows_int(rows, row, "type")), "URL",
                  eg_rows_text(rows, row, "url"), "Status", eg_rows_text(rows, row, "webhook_status"));
    char since[EG_DATETIME_SIZE];

    if (eg_rows_text(rows, row, "failing_us") != NULL) {
        json_object_set_new(hook, "FailingSince",
                            json_string(eg_datetime_format(since, eg_rows_int(rows, row, "failing_us"))));
    }
    if (eg_rows_text(rows, row, "disabled_reason") != NULL) {
        json_object_set_new(hook, "Reason", json_string(eg_rows_text(rows, row, "disabled_reason")));
    }
    return hook;
}

static apr_status_t run(eg_call *call)
{
    const char *key = NULL;
    json_t *hooks;
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "v1_get_webhooks",
                   EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse_key(call, (int)eg_rows_int(rows, 0, "status"));
        return APR_SUCCESS;
    }
    rv = eg_webhook_show_key(&key, call, eg_rows_bytes(rows, 0, "key_sealed", call->pool));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hooks = json_array();
    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "webhook_id") != NULL) {
            json_array_append_new(hooks, webhook_json(rows, row));
        }
    }
    eg_call_reply(call, json_pack("{s:s, s:o}", "SigningKey", key, "Webhooks", hooks));
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_get_webhooks = { .run = run };
