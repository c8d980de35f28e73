/* EmailGateway.GetAPIs: the sender keys of a domain, in full. */
#include "command.h"
#include "json.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: DomainID" },
    { 2, "Unable to retrieve sender domain" },
    { 0, NULL },
};

static apr_status_t open_key(eg_bytes *key, eg_call *call, const eg_rows *rows, int row)
{
    apr_status_t rv = eg_unseal(key, call->secret, EG_SEAL_SENDER_KEY, call->account_id,
                                eg_rows_bytes(rows, row, "key_sealed", call->pool), call->pool);

    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv,
                  EGLOGNO(0150) "account=%" APR_INT64_T_FMT
                                ": sender key %s cannot be opened: it was sealed with "
                                "another secret file",
                  call->account_id, eg_rows_text(rows, row, "api_key_id"));
    }
    return rv;
}

static json_t *key_json(const eg_call *call, eg_bytes key, const eg_rows *rows, int row)
{
    return json_pack("{s:s, s:s, s:s, s:s%, s:s, s:s, s:s?, s:s?, s:s?, s:s?, s:o, s:o}", "KeyID",
                     eg_rows_text(rows, row, "api_key_id"), "DomainID",
                     eg_call_id(call, eg_param_int(call, "DomainID")), "UserID",
                     eg_call_id(call, call->account_id), "Key", (const char *)key.data, key.size,
                     "Permissions", eg_rows_text(rows, row, "permissions"), "Description",
                     eg_rows_text(rows, row, "description"), "ListID", eg_rows_text(rows, row, "list_id"),
                     "SubscriberID", eg_rows_text(rows, row, "subscriber_id"), "JourneyID",
                     eg_rows_text(rows, row, "journey_id"), "ActionID", eg_rows_text(rows, row, "action_id"),
                     "CreationDate", eg_call_time(eg_rows_int(rows, row, "created_us")), "LastUsedDate",
                     eg_call_time(eg_rows_int(rows, row, "last_used_us")));
}

static apr_status_t run(eg_call *call)
{
    json_t *keys = eg_json_own(json_array(), call->pool);
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 2, "get_apis",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "api_key_id") != NULL; row++) {
        eg_bytes key;

        rv = open_key(&key, call, rows, row);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        json_array_append_new(keys, key_json(call, key, rows, row));
    }
    eg_call_reply(call, json_pack("{s:O}", "APIKeys", keys));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_apis = { .run = run, .params = params, .faults = faults };
