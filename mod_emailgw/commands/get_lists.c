/* EmailGateway.GetLists: the account's lists page by page, each with how many subscribers it has. */
#include "page.h"

static const eg_param params[] = {
    { "StartFrom", EG_COUNT, EG_OPTIONAL, .error = 1 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 2 },
    { .name = NULL },
};

static const eg_fault faults[] = { { 0, NULL } };

static json_t *list_json(const eg_rows *rows, int row)
{
    return json_pack("{s:s, s:s, s:I, s:o}", "ListID", eg_rows_text(rows, row, "list_id"), "Name",
                     eg_rows_text(rows, row, "name"), "Subscribers",
                     (json_int_t)eg_rows_int(rows, row, "subscribers"), "CreationDate",
                     eg_call_time(eg_rows_int(rows, row, "created_us")));
}

static apr_status_t run(eg_call *call)
{
    json_t *lists;
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_lists",
                   EG_DB_ARGS(eg_db_int(call->account_id), eg_page_start(call), eg_page_count(call)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    lists = json_array();
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "list_id") != NULL; row++) {
        json_array_append_new(lists, list_json(rows, row));
    }
    eg_call_reply(call, json_pack("{s:I, s:o}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                                  "Lists", lists));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_lists = { .run = run, .params = params, .faults = faults };
