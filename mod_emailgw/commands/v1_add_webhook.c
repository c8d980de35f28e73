/* POST /api/v1/webhooks: a URL that is told of events of the key's domain. */
#include "command.h"
#include "webhook.h"

static apr_status_t run(eg_call *call)
{
    eg_webhook hook;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    eg_webhook_parse(&hook, call);
    if (eg_errors_any(&call->errors)) {
        return eg_call_authenticate(call, "webhooks");
    }
    /* Not repeatable: a second webhook would tell everything twice. */
    rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "v1_add_webhook",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                   eg_db_text(hook.url),
                   eg_db_texts((const char *const *)hook.events->elts, (apr_size_t)hook.events->nelts),
                   eg_db_int(EG_WEBHOOKS_MAX), eg_db_text(hook.payload)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status == EG_E_TOO_MANY) {
        eg_call_refuse_more(call, EG_WEBHOOKS_MAX, "webhooks");
    }
    else if (status != 0) {
        eg_call_refuse_key(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "NewWebhookID", eg_rows_text(rows, 0, "webhook_id")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_add_webhook = { .run = run };
