/* EmailGateway.DeleteSMTP: an SMTP credential is dead from here on. */
#include "command.h"

static const eg_param params[] = {
    { "smtpid", EG_ID, EG_REQUIRED, .error = 1 }, /* the reference's spelling */
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Required field is missing: smtpid" },
    { 2, "SMTP configuration not found or user does not have permission" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "delete_smtp",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "smtpid")));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_bool(rows, 0, "delete_smtp")) {
        eg_call_reply(call, json_object());
    }
    else {
        eg_call_refuse(call, 2);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_delete_smtp = { .run = run, .params = params, .faults = faults };
