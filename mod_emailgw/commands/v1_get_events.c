/* GET /api/v1/events: the events of a sender domain, newest first. */
#include <apr_strings.h>

#include "command.h"
#include "datetime.h"
#include "event.h"
#include "eventtype.h"
#include "json.h"
#include "uuid.h"

typedef struct {
    apr_int64_t start, count;
    const char *since, *until; /* RFC 3339, NULL: open */
    int type;                  /* eg_eventtype, 0: all */
    const char *message_id;    /* NULL: all */
    const char *after;         /* id of an event, NULL: from the newest on */
} query;

static apr_int64_t parse_count(eg_call *call, const char *name, int code, apr_int64_t otherwise)
{
    json_t *value = eg_call_arg(call, name);
    apr_int64_t number = otherwise;

    if (value != NULL && eg_json_int(&number, value, 0, EG_ID_MAX) != APR_SUCCESS) {
        eg_errors_add(&call->errors, code, "Invalid %s: it must be a whole number from 0 on", name);
    }
    return number;
}

/* Unix seconds come as a number or as text. */
static const char *parse_date(eg_call *call, const char *name, int code)
{
    json_t *value = eg_call_arg(call, name);
    const char *text = json_string_value(value);
    char *formatted;
    apr_time_t time;

    if (value == NULL) {
        return NULL;
    }
    if (json_is_integer(value)) {
        text = apr_psprintf(call->pool, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    if (text == NULL || eg_datetime_is_day(text) || eg_datetime_parse(&time, text) != APR_SUCCESS) {
        eg_errors_add(&call->errors, code, "Invalid %s: it must be Unix seconds or YYYY-MM-DD HH:MM:SS (UTC)",
                      name);
        return NULL;
    }
    formatted = apr_palloc(call->pool, EG_DATETIME_SIZE);
    return eg_datetime_format(formatted, time);
}

static int parse_event(eg_call *call)
{
    json_t *value = eg_call_arg(call, "Event");
    const char *name = json_string_value(value);
    int type;

    if (value == NULL || (name != NULL && *name == '\0')) {
        return 0;
    }
    type = name != NULL ? (int)eg_eventtype_parse(name) : 0;
    if (type == 0) {
        eg_errors_add(&call->errors, EG_E_EVENT, "Unknown Event: it must be one of %s", eg_eventtype_list());
    }
    return type;
}

static void parse_query(query *q, eg_call *call)
{
    json_t *id = eg_call_arg(call, "MessageID");

    q->start = parse_count(call, "StartFrom", EG_E_START_FROM, 0);
    q->count = parse_count(call, "RetrieveCount", EG_E_RETRIEVE_COUNT, EG_EVENTS_COUNT_DEFAULT);
    q->count = q->count > EG_EVENTS_COUNT_MAX ? EG_EVENTS_COUNT_MAX : q->count;
    q->since = parse_date(call, "StartDate", EG_E_START_DATE);
    q->until = parse_date(call, "EndDate", EG_E_END_DATE);
    q->type = parse_event(call);
    q->after = eg_event_after(call, eg_call_arg(call, "After"), q->start);
    q->message_id = id == NULL                                                   ? NULL
                    : json_is_string(id) && eg_uuid_valid(json_string_value(id)) ? json_string_value(id)
                                                                                 : EG_UUID_NONE;
}

static apr_status_t run(eg_call *call)
{
    json_t *events = json_array();
    eg_rows *rows;
    apr_status_t rv;
    query q;
    int status;

    eg_json_own(events, call->pool);
    parse_query(&q, call);
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_sender_events",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                               eg_db_int(q.start), eg_db_int(eg_errors_any(&call->errors) ? 0 : q.count),
                               eg_db_text(q.since), eg_db_text(q.until),
                               q.type != 0 ? eg_db_int(q.type) : eg_db_text(NULL), eg_db_text(q.message_id),
                               eg_db_text(q.after)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse_key(call, status);
    }
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "event_id") != NULL) {
            json_array_append_new(events, eg_event_json(rows, row, EG_SURFACE_V1, call->pool));
        }
    }
    eg_call_reply(call, json_pack("{s:I, s:O}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                                  "Events", events));
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_get_events = {
    .run = run,
    .too_many = "Too many requests. Please wait for {seconds} seconds before trying again.",
};
