#include "newkey.h"

apr_status_t eg_newkey_make(eg_apikey *key, eg_call *call)
{
    apr_status_t rv =
        eg_apikey_make(key, call->secret, EG_KEY_SENDER, EG_SEAL_SENDER_KEY, call->account_id, call->pool);

    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv, EGLOGNO(0151) "a sender key could not be made");
    }
    return rv;
}

void eg_newkey_reply(eg_call *call, const eg_apikey *key, const eg_rows *rows, const char *domain_id,
                     const char *description)
{
    eg_call_reply(call, json_pack("{s:s, s:{s:s, s:s, s:s, s:s}}", "NewAPIKeyID",
                                  eg_rows_text(rows, 0, "api_key_id"), "APIKey", "Key", key->text,
                                  "Permissions", eg_rows_text(rows, 0, "permissions"), "DomainID", domain_id,
                                  "Description", description));
}
