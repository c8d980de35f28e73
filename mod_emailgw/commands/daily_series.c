/* EmailGateway.DailySeries: the counters of each day, of a domain or of all of the account's. */
#include "event.h"
#include "stats.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_OPTIONAL, .error = 2 },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { NULL },
};

static const eg_fault faults[] = {
    { 2, "Unable to retrieve domain information" },
    { 0, NULL },
};

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *days = json_array();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        json_t *day = json_pack("{s:s}", "Date", eg_rows_text(rows, row, "day"));
        json_t *numbers = eg_stats_numbers_json(rows, row, call->pool);

        json_object_update(day, numbers);
        json_decref(numbers);
        json_array_append_new(days, day);
    }
    eg_call_reply(call, json_pack("{s:o}", "Days", days));
}

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_event_sum_up(&rows, call, "daily_series",
                        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                   eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate"),
                                   eg_db_int(EG_SERIES_DAYS_MAX)));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    switch (eg_rows_int(rows, 0, "status")) {
    case 0:
        answer(call, rows);
        break;
    case EG_E_END_DATE:
        eg_errors_add(&call->errors, EG_E_END_DATE,
                      "Invalid parameter 'EndDate': a series has %d days at most", EG_SERIES_DAYS_MAX);
        break;
    default:
        eg_call_refuse(call, 2);
        break;
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_daily_series = { .run = run, .params = params, .faults = faults };
