/* DELETE /api/v1/webhooks: nothing more is posted to it. */
#include "command.h"
#include "json.h"

#define UNPROCESSABLE 422
#define NOT_FOUND 404

static void refuse_id(eg_call *call)
{
    eg_errors_add_as(&call->errors, NOT_FOUND, EG_E_WEBHOOK_ID, "Invalid WebhookID");
}

static int parse_id(apr_int64_t *id, eg_call *call)
{
    json_t *value = eg_call_arg(call, "WebhookID");

    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_WEBHOOK_ID_MISSING, "WebhookID is missing");
        return 0;
    }
    if (eg_json_int(id, value, 1, EG_ID_MAX) != APR_SUCCESS) {
        refuse_id(call);
        return 0;
    }
    return 1;
}

static apr_status_t run(eg_call *call)
{
    apr_int64_t id;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    if (!parse_id(&id, call)) {
        return eg_call_authenticate(call, "webhooks");
    }
    rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "v1_delete_webhook",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE), eg_db_int(id)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "v1_delete_webhook");
    if (status == EG_E_WEBHOOK_ID) {
        refuse_id(call);
    }
    else if (status != 0) {
        eg_call_refuse_key(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "Message", "Webhook successfully deleted."));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_delete_webhook = { .run = run };
