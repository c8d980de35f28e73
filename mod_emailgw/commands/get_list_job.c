/* EmailGateway.GetListJob: how far a mail to a list has come, and its message ids page by page. */
#include "page.h"

static const eg_param params[] = {
    { "JobID", EG_UUID, EG_REQUIRED, .error = 1 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 2 },
    { "After", EG_UUID, EG_OPTIONAL, .error = 4, .invalid = 4 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'JobID'" },
    { 3, "Job not found" },
    { 0, NULL },
};

static json_t *job_json(const eg_call *call, const eg_rows *rows)
{
    json_t *job = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "JobID", eg_param_text(call, "JobID"), "ListID",
        eg_rows_text(rows, 0, "list_id"), "DomainID", eg_rows_text(rows, 0, "domain_id"), "Status",
        eg_rows_text(rows, 0, "job_status"), "Recipients", (json_int_t)eg_rows_int(rows, 0, "recipients"),
        "Done", (json_int_t)eg_rows_int(rows, 0, "done"), "Suppressed",
        (json_int_t)eg_rows_int(rows, 0, "suppressed"), "Failed", (json_int_t)eg_rows_int(rows, 0, "failed"),
        "CreationDate", eg_call_time(eg_rows_int(rows, 0, "created_us")), "FinishDate",
        eg_call_time(eg_rows_int(rows, 0, "finished_us")));

    if (eg_rows_text(rows, 0, "waits") != NULL) {
        json_object_set_new(job, "Reason", json_string(eg_rows_text(rows, 0, "waits")));
    }
    return job;
}

static apr_status_t run(eg_call *call)
{
    json_t *ids;
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 3, "get_list_job",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "JobID"),
                                              eg_param_arg(call, "After"), eg_page_count(call)));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    ids = json_array();
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "message_id") != NULL; row++) {
        json_array_append_new(ids, json_string(eg_rows_text(rows, row, "message_id")));
    }
    eg_call_reply(call, json_pack("{s:o, s:o}", "Job", job_json(call, rows), "MessageIDs", ids));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_list_job = { .run = run, .params = params, .faults = faults };
