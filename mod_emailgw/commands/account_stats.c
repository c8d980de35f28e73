/* EmailGateway.AccountStats: the counters of all of an account's domains, beside those of the period before, and by domain. */
#include <string.h>

#include "event.h"
#include "stats.h"

static const eg_param params[] = {
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { NULL },
};

static json_t *domain_json(const eg_rows *rows, int row, apr_pool_t *pool)
{
    return json_pack("{s:s, s:s, s:o}", "DomainID", eg_rows_text(rows, row, "domain_id"), "DomainName",
                     eg_rows_text(rows, row, "name"), "Stats", eg_stats_json(rows, row, pool));
}

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *domains = json_array(), *reply = json_object();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        const char *part = eg_rows_text(rows, row, "part");

        if (strcmp(part, "domain") == 0) {
            json_array_append_new(domains, domain_json(rows, row, call->pool));
        }
        else {
            json_object_set_new(reply, strcmp(part, "stats") == 0 ? "Stats" : "ComparisonStats",
                                eg_stats_json(rows, row, call->pool));
        }
    }
    json_object_set_new(reply, "Domains", domains);
    eg_call_reply(call, reply);
}

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_event_sum_up(&rows, call, "account_stats",
                                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "StartDate"),
                                                 eg_param_arg(call, "EndDate")));

    if (rv == APR_SUCCESS && rows != NULL) {
        answer(call, rows);
    }
    return rv;
}

const eg_command eg_cmd_account_stats = { .run = run, .params = params };
