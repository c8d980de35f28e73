/* EmailGateway.ReplaceAPI: a new sender key with the settings of another one, which is dead from then on. */
#include "newkey.h"

static const eg_param params[] = {
    { "APIKeyID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: APIKeyID" },
    { 2, "Invalid API key or API key not found" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_apikey key;
    eg_rows *rows;
    apr_status_t rv = eg_newkey_make(&key, call);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Not repeatable: the key is gone with the first call. */
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "replace_api",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "APIKeyID"),
                               eg_db_bytes(key.hash, EG_HASH_SIZE),
                               eg_db_bytes(key.sealed.data, key.sealed.size)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_count(rows) == 0) {
        eg_call_refuse(call, 2);
    }
    else {
        eg_newkey_reply(call, &key, rows, eg_rows_text(rows, 0, "domain_id"),
                        eg_rows_text(rows, 0, "description"));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_replace_api = { .run = run, .params = params, .faults = faults };
