/*
 * What became of mails to the domains of their recipients, as the API shows it.
 */
#include "recipientstats.h"

#include <stdlib.h>

#include "event.h"

apr_status_t eg_recipientstats_find(eg_rows **rows, eg_call *call, const char *recipient_domain,
                                    apr_int64_t start, apr_int64_t count)
{
    apr_status_t rv =
        eg_event_sum_up(rows, call, "recipient_stats",
                        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                   eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate"),
                                   eg_db_text(recipient_domain), eg_db_int(start), eg_db_int(count)));

    if (rv == APR_SUCCESS && *rows != NULL) {
        eg_event_judge(call, *rows, "total");
    }
    return rv;
}

/* To a thousandth; null where nothing was delivered. */
static json_t *seconds_json(const eg_rows *rows, int row, const char *column)
{
    const char *text = eg_rows_text(rows, row, column);

    return text != NULL ? json_real((double)(apr_int64_t)(strtod(text, NULL) * 1000 + 0.5) / 1000)
                        : json_null();
}

json_t *eg_recipientstats_json(const eg_rows *rows, int row)
{
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "RecipientDomain",
        eg_rows_text(rows, row, "recipient_domain"), "Sent", (json_int_t)eg_rows_int(rows, row, "sent"),
        "Delivered", (json_int_t)eg_rows_int(rows, row, "delivered"), "Failed",
        (json_int_t)eg_rows_int(rows, row, "failed"), "Pending",
        (json_int_t)eg_rows_int(rows, row, "pending"), "AverageSeconds",
        seconds_json(rows, row, "seconds_average"), "MinSeconds", seconds_json(rows, row, "seconds_min"),
        "MaxSeconds", seconds_json(rows, row, "seconds_max"));
}
