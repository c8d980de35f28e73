/* EmailGateway.DeleteList: a list with all its subscribers; what is still to be sent to it is not. */
#include "command.h"

static const eg_param params[] = {
    { "ListID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'ListID'" },
    { 2, "List not found" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "delete_list",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "ListID")));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_bool(rows, 0, "delete_list")) {
        eg_call_reply(call, json_object());
    }
    else {
        eg_call_refuse(call, 2);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_delete_list = { .run = run, .params = params, .faults = faults };
