/* EmailGateway.AggrEvents: how many events of a domain have each value of one of their properties. */
#include <apr_cstr.h>
#include <apr_strings.h>

#include "event.h"
#include "eventtype.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { "AggregatedField", EG_TEXT, EG_OPTIONAL, .error = 1, .max = 100 },
    { "AggregateSize", EG_COUNT, EG_OPTIONAL, .error = EG_E_AGGREGATE_SIZE },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 2, "Failed to retrieve sender domain" },
    { 0, NULL },
};

/* As emailgw_api.aggr_events knows them. */
static const char *const fields[] = { "eventType",  "day",          "hour",   "recipientDomain", "tag",
                                      "bounceType", "bounceReason", "mxHost", "smtpCode",        "linkURL" };

#define FIELD_COUNT (sizeof fields / sizeof *fields)

/* The first is the default. NULL, with the error noted, for one that is not listed. */
static const char *wanted_field(eg_call *call)
{
    const char *name = eg_param_text(call, "AggregatedField"), *list = fields[0];

    if (name == NULL || *name == '\0') {
        return fields[0];
    }
    for (apr_size_t i = 0; i < FIELD_COUNT; i++) {
        if (apr_cstr_casecmp(name, fields[i]) == 0) {
            return fields[i];
        }
    }
    for (apr_size_t i = 1; i < FIELD_COUNT; i++) {
        list = apr_pstrcat(call->pool, list, ", ", fields[i], NULL);
    }
    eg_errors_add(&call->errors, 1, "Invalid parameter 'AggregatedField': it must be one of %s", list);
    return NULL;
}

static apr_int64_t wanted_size(const eg_call *call)
{
    apr_int64_t size =
        eg_param_given(call, "AggregateSize") ? eg_param_int(call, "AggregateSize") : EG_AGGREGATE_DEFAULT;

    return size > EG_AGGREGATE_MAX ? EG_AGGREGATE_MAX : size;
}

/* In the order of their numbers, from 1 on. */
static eg_dbarg type_names(apr_pool_t *pool)
{
    const char **names = apr_palloc(pool, sizeof *names * EG_EVENT_COMPLAINT);

    for (int type = 1; type <= EG_EVENT_COMPLAINT; type++) {
        names[type - 1] = eg_eventtype_name(type);
    }
    return eg_db_texts(names, EG_EVENT_COMPLAINT);
}

static void answer(eg_call *call, const eg_rows *rows)
{
    json_t *buckets = json_array();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "key") != NULL) {
            json_array_append_new(buckets,
                                  json_pack("{s:s, s:I}", "key", eg_rows_text(rows, row, "key"), "doc_count",
                                            (json_int_t)eg_rows_int(rows, row, "doc_count")));
        }
    }
    eg_call_reply(call, json_pack("{s:o}", "AggBuckets", buckets));
}

static apr_status_t run(eg_call *call)
{
    const char *field = wanted_field(call);
    eg_rows *rows;
    apr_status_t rv = eg_event_sum_up(&rows, call, "aggr_events",
                                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                                 eg_db_text(field), eg_param_arg(call, "StartDate"),
                                                 eg_param_arg(call, "EndDate"), eg_db_int(wanted_size(call)),
                                                 type_names(call->pool)));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    if (eg_event_judge(call, rows, "doc_count")) {
        answer(call, rows);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_aggr_events = { .run = run, .params = params, .faults = faults };
