/* EmailGateway.DeleteDomain: one of the caller's sender domains, its keys, credentials, webhooks and queued mail. */
#include "command.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: DomainID" },
    { 2, "Domain not found or user does not have permission to delete the domain" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "delete_domain",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!eg_rows_bool(rows, 0, "delete_domain")) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    eg_call_reply(call, json_object());
    return APR_SUCCESS;
}

const eg_command eg_cmd_delete_domain = { .run = run, .params = params, .faults = faults };
