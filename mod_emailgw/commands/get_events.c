/* EmailGateway.GetEvents: the events of a domain, newest first, by days, type and what a search box says. */
#include "eventfilter.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "StartFrom", EG_COUNT, EG_REQUIRED, .error = 4 },
    { "RetrieveCount", EG_COUNT, EG_REQUIRED, .error = 5 },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { "Event", EG_TEXT, EG_OPTIONAL, .error = EG_E_EVENT, .max = 20 },
    { "After", EG_TEXT, EG_OPTIONAL, .error = EG_E_AFTER, .max = 100 },
    { "Query", EG_TEXT, EG_OPTIONAL, .error = EG_E_QUERY, .max = EG_EVENTQUERY_MAX },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 4, "Required parameter missing: StartFrom" },
    { 5, "Required parameter missing: RetrieveCount" },
    { 2, "Failed to retrieve sender domain" },
    { 0, NULL },
};

static apr_status_t find(eg_rows **rows, eg_call *call, const eg_eventfilter *filter, const char *after)
{
    apr_int64_t count = eg_param_int(call, "RetrieveCount");

    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "get_events",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                 eg_param_arg(call, "StartFrom"),
                                 eg_db_int(count > EG_EVENTS_COUNT_MAX ? EG_EVENTS_COUNT_MAX : count),
                                 eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate"), filter->type,
                                 filter->message_id, filter->fields, filter->texts, eg_db_text(after)));
}

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *events = json_array();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "event_id") != NULL) {
            json_array_append_new(events, eg_event_json(rows, row, EG_SURFACE_API_PHP, call->pool));
        }
    }
    eg_call_reply(call, json_pack("{s:I, s:o}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                                  "Events", events));
}

static apr_status_t run(eg_call *call)
{
    eg_eventfilter filter;
    const char *after;
    eg_rows *rows;
    apr_status_t rv;

    eg_eventfilter_read(&filter, call);
    after = eg_event_after(call, json_object_get(call->params, "After"), eg_param_int(call, "StartFrom"));
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = find(&rows, call, &filter, after);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_event_judge(call, rows, "total")) {
        answer(call, rows);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_events = { .run = run, .params = params, .faults = faults };
