/* EmailGateway.DeleteSuppression: an address gets mail again; not one whose owner complained. */
#include "addresshash.h"
#include "command.h"

static const eg_param params[] = {
    { "EmailAddress", EG_MAILBOX, EG_REQUIRED, .error = 1, .invalid = 2 },
    { "DomainID", EG_ID, EG_OPTIONAL, .invalid = 3 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: EmailAddress" },
    { 3, "Invalid DomainID or DomainID not found" },
    { 4, "The address is not on this suppression list" },
    { 5, "The recipient has complained: only the operator can let the address have mail again" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    const char *address = eg_param_text(call, "EmailAddress");
    eg_rows *rows;
    apr_status_t rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "delete_suppression",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"), eg_db_text(address),
                   eg_db_text(eg_addresshash_all(call->secret, address, call->pool))));
    int status;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "delete_suppression");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_object());
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_delete_suppression = { .run = run, .params = params, .faults = faults };
