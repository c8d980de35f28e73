/* EmailGateway.GetEvents: the events of a domain, newest first, by days, type and what a search box says. */
#include <apr_strings.h>

#include "event.h"
#include "eventquery.h"
#include "eventtype.h"

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

/* Event and what the search box says of events: both must hold. */
static int wanted_type(eg_call *call, const eg_eventquery *query)
{
    const char *name = eg_param_text(call, "Event");
    int type = 0;

    if (name != NULL && *name != '\0') {
        type = (int)eg_eventtype_parse(name);
        if (type == 0) {
            eg_errors_add(&call->errors, EG_E_EVENT, "Invalid parameter 'Event': it must be one of %s",
                          eg_eventtype_list());
        }
    }
    if (query->nothing || (type != 0 && query->type != 0 && query->type != type)) {
        return EG_EVENT_NONE;
    }
    return type != 0 ? type : query->type;
}

/* Two arrays for SQL: the numbers of the terms' fields, and their texts. */
static void term_args(eg_dbarg *fields, eg_dbarg *texts, const eg_eventquery *query, apr_pool_t *pool)
{
    const char **field = apr_pcalloc(pool, sizeof *field * EG_EVENTQUERY_TERMS_MAX);
    const char **text = apr_pcalloc(pool, sizeof *text * EG_EVENTQUERY_TERMS_MAX);

    for (int i = 0; i < query->count; i++) {
        field[i] = apr_itoa(pool, (int)query->terms[i].field);
        text[i] = query->terms[i].text;
    }
    *fields = eg_db_texts(field, (apr_size_t)query->count);
    *texts = eg_db_texts(text, (apr_size_t)query->count);
}

static apr_status_t find(eg_rows **rows, eg_call *call, const eg_eventquery *query, int type,
                         const char *after)
{
    apr_int64_t count = eg_param_int(call, "RetrieveCount");
    eg_dbarg fields, texts;

    term_args(&fields, &texts, query, call->pool);
    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "get_events",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                 eg_param_arg(call, "StartFrom"),
                                 eg_db_int(count > EG_EVENTS_COUNT_MAX ? EG_EVENTS_COUNT_MAX : count),
                                 eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate"),
                                 type != 0 ? eg_db_int(type) : eg_db_text(NULL),
                                 eg_db_text(query->message_id), fields, texts, eg_db_text(after)));
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
    const char *text = eg_param_text(call, "Query"), *problem, *after;
    eg_eventquery query;
    eg_rows *rows;
    apr_status_t rv;
    int type;

    eg_event_check_period(call);
    if (eg_eventquery_parse(&query, &problem, text != NULL ? text : "", call->pool) != APR_SUCCESS) {
        eg_errors_add(&call->errors, EG_E_QUERY, "Invalid parameter 'Query': %s", problem);
    }
    type = wanted_type(call, &query);
    after = eg_event_after(call, json_object_get(call->params, "After"), eg_param_int(call, "StartFrom"));
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = find(&rows, call, &query, type, after);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (eg_rows_int(rows, 0, "status")) {
    case 0:
        answer(call, rows);
        break;
    case EG_E_TOO_BROAD:
        eg_event_refuse_broad(call, eg_rows_int(rows, 0, "total"));
        break;
    default:
        eg_call_refuse(call, 2);
        break;
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_events = { .run = run, .params = params, .faults = faults };
