/* EmailGateway.EraseAddress: one person out of all that an account has; the sender does it, GetErasure tells how far it is. */
#include <string.h>

#include "addresshash.h"
#include "command.h"

static const eg_param params[] = {
    { "EmailAddress", EG_MAILBOX, EG_REQUIRED, .error = 1, .invalid = 2 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: EmailAddress" },
    { 3, "100 erasures are not done yet: try again later" },
    { 0, NULL },
};

/* What it is known by afterwards, and how it waits until then. */
static apr_status_t hide(const char **hash, eg_bytes *sealed, eg_call *call, const char *address)
{
    apr_status_t rv;

    *hash = eg_addresshash_new(call->secret, address, call->pool);
    rv = *hash == NULL ? APR_EGENERAL
                       : eg_seal(sealed, call->secret, EG_SEAL_ERASURE, call->account_id, address,
                                 strlen(address), call->pool);
    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv,
                  EGLOGNO(0232) "an address that is to be erased cannot be sealed");
    }
    return rv;
}

static apr_status_t run(eg_call *call)
{
    const char *address = eg_param_text(call, "EmailAddress"), *hash;
    eg_bytes sealed;
    eg_rows *rows;
    apr_status_t rv = hide(&hash, &sealed, call, address);
    int status;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "add_erasure",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(address), eg_db_text(hash),
                               eg_db_bytes(sealed.data, sealed.size)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "ErasureID", eg_rows_text(rows, 0, "erasure_id")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_erase_address = { .run = run, .params = params, .faults = faults };
