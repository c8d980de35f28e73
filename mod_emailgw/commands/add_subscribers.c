/* EmailGateway.AddSubscribers: addresses onto a list; those that are on it are changed. */
#include "json.h"
#include "subscribers.h"

static const eg_param params[] = {
    { "ListID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'ListID'" },
    { 2, "Missing required parameter 'Subscribers'" },
    { 3, "Invalid parameter 'Subscribers'" },
    { 4, "List not found" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_subscribers subscribers;
    eg_rows *rows;
    apr_status_t rv;

    eg_subscribers_parse(&subscribers, call);
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    /* Not repeatable: the second time would count as updates what the first has added. */
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "add_subscribers",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "ListID"),
                               eg_db_text(eg_json_text(subscribers.good, call->pool))));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_bool(rows, 0, "known")) {
        eg_call_reply(call, json_pack("{s:I, s:I, s:O}", "Added", (json_int_t)eg_rows_int(rows, 0, "added"),
                                      "Updated", (json_int_t)eg_rows_int(rows, 0, "updated"), "Failed",
                                      subscribers.failed));
    }
    else {
        eg_call_refuse(call, 4);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_subscribers = { .run = run, .params = params, .faults = faults };
