/* EmailGateway.DeleteSubscriber: an address is taken off a list. */
#include "command.h"

static const eg_param params[] = {
    { "ListID", EG_ID, EG_REQUIRED, .error = 1 },
    { "SubscriberID", EG_ID, EG_REQUIRED, .error = 2 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'ListID'" },
    { 2, "Missing required parameter 'SubscriberID'" },
    { 3, "List not found" },
    { 4, "Subscriber not found" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "delete_subscriber",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "ListID"),
                                            eg_param_arg(call, "SubscriberID")));
    int status;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "delete_subscriber");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_object());
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_delete_subscriber = { .run = run, .params = params, .faults = faults };
