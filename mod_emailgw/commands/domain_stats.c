/* EmailGateway.DomainStats: the counters of a domain, beside those of the period before, and by tag. */
#include <string.h>

#include "event.h"
#include "stats.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 2, "Unable to retrieve domain information" },
    { 0, NULL },
};

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *tags = json_object(), *reply = json_object();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        const char *part = eg_rows_text(rows, row, "part"), *tag = eg_rows_text(rows, row, "tag");
        json_t *stats = eg_stats_json(rows, row, call->pool);

        if (tag != NULL) {
            json_object_set_new(tags, tag, stats);
        }
        else {
            json_object_set_new(reply, strcmp(part, "stats") == 0 ? "Stats" : "ComparisonStats", stats);
        }
    }
    json_object_set_new(reply, "TagStats", tags);
    eg_call_reply(call, reply);
}

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_event_sum_up(&rows, call, "domain_stats",
                        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                   eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    answer(call, rows);
    return APR_SUCCESS;
}

const eg_command eg_cmd_domain_stats = { .run = run, .params = params, .faults = faults };
