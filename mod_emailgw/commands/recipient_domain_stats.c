/* EmailGateway.RecipientDomainStats: what became of a domain's mails to one domain, and how fast. */
#include "event.h"
#include "hostname.h"
#include "recipientstats.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "RecipientDomain", EG_TEXT, EG_REQUIRED, .error = 3, .max = EG_DOMAIN_MAX },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 3, "Required parameter missing: RecipientDomain" },
    { 2, "Unable to retrieve domain information" },
    { 0, NULL },
};

/* Up to so many seconds, the last being any: as emailgw_api.recipient_counts has them. */
static const int slots[] = { 1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 0 };

static json_t *histogram_json(const json_t *counts)
{
    json_t *histogram = json_array();

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        json_t *limit = slots[i] != 0 ? json_integer(slots[i]) : json_null();

        json_array_append_new(histogram, json_pack("{s:o, s:I}", "UpToSeconds", limit, "Delivered",
                                                   json_integer_value(json_array_get(counts, i))));
    }
    return histogram;
}

/* Of a domain that nothing went to, all is 0. */
static json_t *nothing_json(const char *domain)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:n, s:n, s:n}", "RecipientDomain", domain, "Sent", 0,
                     "Delivered", 0, "Failed", 0, "Pending", 0, "AverageSeconds", "MinSeconds", "MaxSeconds");
}

static void answer(eg_call *call, const eg_rows *rows, const char *domain)
{
    json_t *stats = eg_rows_text(rows, 0, "recipient_domain") != NULL ? eg_recipientstats_json(rows, 0)
                                                                      : nothing_json(domain);

    json_object_set_new(stats, "Histogram",
                        histogram_json(eg_event_column(rows, 0, "histogram", call->pool)));
    eg_call_reply(call, json_pack("{s:o}", "Stats", stats));
}

static apr_status_t run(eg_call *call)
{
    const char *domain;
    eg_rows *rows;
    apr_status_t rv;

    if (eg_hostname_parse(&domain, eg_param_text(call, "RecipientDomain"), call->pool) != APR_SUCCESS) {
        eg_errors_add(&call->errors, 3, "Invalid parameter 'RecipientDomain': it must be a domain name");
        return APR_SUCCESS;
    }
    rv = eg_recipientstats_find(&rows, call, domain, 0, 1);
    if (rv == APR_SUCCESS && !eg_errors_any(&call->errors)) {
        answer(call, rows, domain);
    }
    return rv;
}

const eg_command eg_cmd_recipient_domain_stats = { .run = run, .params = params, .faults = faults };
