/* EmailGateway.AddList: a list of subscribers for mails of the account's domains. */
#include "command.h"

static const eg_param params[] = {
    { "Name", EG_TEXT, EG_REQUIRED, .error = 1, .max = EG_TITLE_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'Name'" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    /* Not repeatable: a second list would stay. */
    apr_status_t rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "add_list",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "Name"), eg_db_int(EG_LISTS_MAX)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_errors_add(&call->errors, EG_E_TOO_MANY,
                      "The account has %d lists, which is the most: delete one first", EG_LISTS_MAX);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "NewListID", eg_rows_text(rows, 0, "list_id")));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_list = { .run = run, .params = params, .faults = faults };
