/* EmailGateway.DomainStats: the counters of a domain, beside those of the period before, and by tag. */
#include <string.h>

#include <apr_strings.h>

#include "event.h"
#include "eventtype.h"

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

/* Counted beside the events: the first open and click of a recipient (emailgw_api.count_events). */
enum { FIRST_OPEN = 100 + EG_EVENT_OPEN, FIRST_CLICK = 100 + EG_EVENT_CLICK };

static const struct {
    int type;
    const char *name;
} shown[] = {
    { EG_EVENT_SEND, "Sent" },
    { EG_EVENT_DELIVERY, "Delivered" },
    { EG_EVENT_BOUNCE, "Bounced" },
    { EG_EVENT_DEFERRED, "Deferred" },
    { EG_EVENT_OPEN, "Opened" },
    { FIRST_OPEN, "UniqueOpened" },
    { EG_EVENT_CLICK, "Clicked" },
    { FIRST_CLICK, "UniqueClicked" },
    { EG_EVENT_UNSUBSCRIBE, "Unsubscribed" },
    { EG_EVENT_COMPLAINT, "Complained" },
    { EG_EVENT_SUPPRESSED, "Suppressed" },
    { EG_EVENT_CANCELLED, "Cancelled" },
};

/* Each is a part of those that could have come to it: of sends, or of deliveries. */
static const struct {
    int type;
    const char *name;
    int of;
} rates[] = {
    { EG_EVENT_DELIVERY, "DeliveryRate", EG_EVENT_SEND },
    { EG_EVENT_BOUNCE, "BounceRate", EG_EVENT_SEND },
    { EG_EVENT_DEFERRED, "DeferralRate", EG_EVENT_SEND },
    { EG_EVENT_OPEN, "OpenRate", EG_EVENT_DELIVERY },
    { FIRST_OPEN, "UniqueOpenRate", EG_EVENT_DELIVERY },
    { EG_EVENT_CLICK, "ClickRate", EG_EVENT_DELIVERY },
    { FIRST_CLICK, "UniqueClickRate", EG_EVENT_DELIVERY },
    { EG_EVENT_UNSUBSCRIBE, "UnsubscribeRate", EG_EVENT_DELIVERY },
    { EG_EVENT_COMPLAINT, "ComplaintRate", EG_EVENT_DELIVERY },
};

/* Out of {"1": 5, "2": 4}. */
static json_int_t count_of(const json_t *counts, int type)
{
    char key[16];

    apr_snprintf(key, sizeof key, "%d", type);
    return json_integer_value(json_object_get(counts, key));
}

/* To six digits; of nothing it is 0. */
static double rate(json_int_t part, json_int_t whole)
{
    return whole > 0 ? (double)((part * 1000000 + whole / 2) / whole) / 1e6 : 0;
}

static json_t *stats_json(const json_t *counts)
{
    json_t *stats = json_object();

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        json_object_set_new(stats, shown[i].name, json_integer(count_of(counts, shown[i].type)));
    }
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        json_object_set_new(stats, rates[i].name,
                            json_real(rate(count_of(counts, rates[i].type), count_of(counts, rates[i].of))));
    }
    return stats;
}

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *tags = json_object(), *reply = json_object();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        const char *part = eg_rows_text(rows, row, "part"), *tag = eg_rows_text(rows, row, "tag");
        json_t *stats = stats_json(eg_event_column(rows, row, "counts", call->pool));

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
    apr_status_t rv;

    eg_event_check_period(call);
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "domain_stats",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                               eg_param_arg(call, "StartDate"), eg_param_arg(call, "EndDate")));
    if (rv != APR_SUCCESS) {
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
