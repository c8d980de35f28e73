/* EmailGateway.ListRecipientDomains: where a domain's mails went, most sends first. */
#include "recipientstats.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { "StartFrom", EG_COUNT, EG_OPTIONAL, .error = 4 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 5 },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 2, "Unable to retrieve domain information" },
    { 0, NULL },
};

static apr_int64_t wanted_count(const eg_call *call)
{
    apr_int64_t count = eg_param_given(call, "RetrieveCount") ? eg_param_int(call, "RetrieveCount")
                                                              : EG_RECIPIENT_DOMAINS_DEFAULT;

    return count > EG_RECIPIENT_DOMAINS_MAX ? EG_RECIPIENT_DOMAINS_MAX : count;
}

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *domains = json_array();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "recipient_domain") != NULL) {
            json_array_append_new(domains, eg_recipientstats_json(rows, row));
        }
    }
    eg_call_reply(call, json_pack("{s:I, s:o}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                                  "RecipientDomains", domains));
}

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_recipientstats_find(&rows, call, NULL, eg_param_int(call, "StartFrom"), wanted_count(call));

    if (rv == APR_SUCCESS && !eg_errors_any(&call->errors)) {
        answer(call, rows);
    }
    return rv;
}

const eg_command eg_cmd_list_recipient_domains = { .run = run, .params = params, .faults = faults };
