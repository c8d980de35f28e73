/* EmailGateway.GetSubscribers: those of a list in the order of their ids, each page from where the last one ended. */
#include "event.h"
#include "page.h"

static const eg_param params[] = {
    { "ListID", EG_ID, EG_REQUIRED, .error = 1 },
    { "After", EG_COUNT, EG_OPTIONAL, .error = 2 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 3 },
    { "Email", EG_MAILBOX, EG_OPTIONAL, .error = 4 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'ListID'" },
    { 5, "List not found" },
    { 0, NULL },
};

static json_t *subscriber_json(const eg_rows *rows, int row, apr_pool_t *pool)
{
    json_t *fields = eg_event_column(rows, row, "fields", pool);

    return json_pack("{s:s, s:s, s:s, s:o, s:o}", "SubscriberID", eg_rows_text(rows, row, "subscriber_id"),
                     "Email", eg_rows_text(rows, row, "email"), "Name", eg_rows_text(rows, row, "name"),
                     "Fields", fields != NULL ? json_incref(fields) : json_object(), "CreationDate",
                     eg_call_time(eg_rows_int(rows, row, "created_us")));
}

static apr_status_t run(eg_call *call)
{
    json_t *subscribers;
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 5, "get_subscribers",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "ListID"),
                                              eg_param_arg(call, "Email"),
                                              eg_db_int(eg_param_int(call, "After")), eg_page_count(call)));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    subscribers = json_array();
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "subscriber_id") != NULL; row++) {
        json_array_append_new(subscribers, subscriber_json(rows, row, call->pool));
    }
    eg_call_reply(call, json_pack("{s:I, s:o}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                                  "Subscribers", subscribers));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_subscribers = { .run = run, .params = params, .faults = faults };
