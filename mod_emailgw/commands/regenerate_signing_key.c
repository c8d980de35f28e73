/* EmailGateway.RegenerateSigningKey: another key for the posts of a domain's webhooks, beside the former one for a day. */
#include "webhook.h"

#define KEY_SIZE 32 /* bytes, as of a new domain's */

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: DomainID" },
    { 2, "Invalid domain or domain does not belong to the user" },
    { 0, NULL },
};

static apr_status_t make_key(eg_bytes *sealed, eg_call *call)
{
    unsigned char key[KEY_SIZE];
    apr_status_t rv = eg_random(key, sizeof key);

    if (rv == APR_SUCCESS) {
        rv =
            eg_seal(sealed, call->secret, EG_SEAL_WEBHOOK_KEY, call->account_id, key, sizeof key, call->pool);
    }
    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv, EGLOGNO(0231) "a webhook signing key could not be made");
    }
    return rv;
}

static apr_status_t run(eg_call *call)
{
    const char *text;
    eg_bytes sealed;
    eg_rows *rows;
    apr_status_t rv = make_key(&sealed, call);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Not repeatable: a second call would end the key that is in use. */
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "regenerate_signing_key",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                               eg_db_bytes(sealed.data, sealed.size)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_count(rows) == 0) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    rv = eg_webhook_show_key(&text, call, sealed);
    if (rv == APR_SUCCESS) {
        eg_call_reply(call, json_pack("{s:s, s:o}", "SigningKey", text, "FormerKeySignsUntil",
                                      eg_call_time(eg_rows_int(rows, 0, "until_us"))));
    }
    return rv;
}

const eg_command eg_cmd_regenerate_signing_key = { .run = run, .params = params, .faults = faults };
