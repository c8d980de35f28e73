/*
 * Events as the API shows them.
 */
#include "event.h"

#include <string.h>

#include <apr_strings.h>

#include "datetime.h"
#include "eventtype.h"
#include "json.h"
#include "uuid.h"

/* What is stored under one name and shown under two others, by eg_surface. */
typedef struct {
    const char *stored, *shown[2];
} part;

/* Of event.detail. */
static const part details[] = {
    { "attempt", { "Attempt", "attempt" } },
    { "ambiguous", { "Ambiguous", "ambiguous" } },
    { "bounce", { "Bounce", "bounce" } },
    { "deferral", { "Deferral", "deferral" } },
    { "url", { "URL", "url" } },
    { "machine", { "Machine", "machine" } },
    { NULL, { NULL, NULL } },
};

/* Of its smtp. */
static const part dialogue[] = {
    { "code", { "Code", "code" } },    { "enhanced", { "EnhancedCode", "enhanced_code" } },
    { "text", { "Text", "text" } },    { "host", { "Host", "host" } },
    { "tls", { "TLS", "tls" } },       { "cipher", { "Cipher", "cipher" } },
    { "stage", { "Stage", "stage" } }, { "seconds", { "Seconds", "seconds" } },
    { NULL, { NULL, NULL } },
};

/* Columns of the row. */
static const part contexts[] = {
    { "list_id", { "ListID", "list_id" } },
    { "subscriber_id", { "SubscriberID", "subscriber_id" } },
    { "journey_id", { "JourneyID", "journey_id" } },
    { "action_id", { "ActionID", "action_id" } },
    { NULL, { NULL, NULL } },
};

json_t *eg_event_column(const eg_rows *rows, int row, const char *column, apr_pool_t *pool)
{
    return eg_json_stored(eg_rows_text(rows, row, column), pool);
}

static const char *text_or(const char *text, const char *otherwise)
{
    return text != NULL ? text : otherwise;
}

/* What is there of a stored object, under the names of the surface. */
static void copy_parts(json_t *to, const json_t *from, const part *parts, eg_surface surface)
{
    for (; parts->stored != NULL; parts++) {
        json_t *value = json_object_get(from, parts->stored);

        if (value != NULL && !json_is_null(value)) {
            json_object_set(to, parts->shown[surface], value);
        }
    }
}

/* The same for what both families have, whatever else they are like. */
static void add_common(json_t *event, const eg_rows *rows, int row, const json_t *detail, eg_surface surface,
                       apr_pool_t *pool)
{
    static const char *const smtp_key[] = { "Smtp", "smtp" }, *const tags_key[] = { "Tags", "tags" };
    json_t *tags = eg_event_column(rows, row, "tags", pool), *smtp = json_object_get(detail, "smtp");

    copy_parts(event, detail, details, surface);
    if (json_is_object(smtp)) {
        json_object_set_new(event, smtp_key[surface], json_object());
        copy_parts(json_object_get(event, smtp_key[surface]), smtp, dialogue, surface);
    }
    json_object_set_new(event, tags_key[surface], tags != NULL ? json_incref(tags) : json_array());
    for (const part *context = contexts; context->stored != NULL; context++) {
        if (eg_rows_text(rows, row, context->stored) != NULL) {
            json_object_set_new(event, context->shown[surface],
                                json_integer(eg_rows_int(rows, row, context->stored)));
        }
    }
}

/* Empty where no person was involved. */
static const char *person(const json_t *detail, const char *stored)
{
    return text_or(json_string_value(json_object_get(detail, stored)), "");
}

static json_t *v1_event(const eg_rows *rows, int row, const char *at, const json_t *detail)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s}}", "EventId", eg_rows_text(rows, row, "event_id"),
        "EventType", eg_eventtype_name((int)eg_rows_int(rows, row, "type")), "EventTimestamp", at,
        "Recipient", eg_rows_text(rows, row, "email"), "MessageId", eg_rows_text(rows, row, "message_id"),
        "CampaignId", text_or(eg_rows_text(rows, row, "journey_id"), ""), "Details", "UserAgent",
        person(detail, "ua"), "IpAddress", person(detail, "ip"));
}

/* As the mail's header has them. A message can be gone before its last event is. */
static json_t *headers(const eg_rows *rows, int row, apr_pool_t *pool)
{
    const char *email = text_or(eg_rows_text(rows, row, "from_email"), "");
    const char *name = text_or(eg_rows_text(rows, row, "from_name"), "");
    const char *ours = apr_psprintf(pool, "<%s@%s>", eg_rows_text(rows, row, "message_id"),
                                    eg_rows_text(rows, row, "domain_name"));

    return json_pack("{s:s, s:s, s:s, s:s}", "subject", text_or(eg_rows_text(rows, row, "subject"), ""),
                     "from", *name != '\0' ? apr_psprintf(pool, "%s <%s>", name, email) : email, "to",
                     eg_rows_text(rows, row, "email"), "message-id",
                     text_or(eg_rows_text(rows, row, "header_id"), ours));
}

static json_t *api_event(const eg_rows *rows, int row, const char *at, const json_t *detail, apr_pool_t *pool)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:{s:s, s:o}, s:s, s:s, s:s}", "event_id", eg_rows_text(rows, row, "event_id"),
        "event_type", eg_eventtype_name((int)eg_rows_int(rows, row, "type")), "timestamp", at, "recipient",
        eg_rows_text(rows, row, "email"), "message", "id", eg_rows_text(rows, row, "message_id"), "headers",
        headers(rows, row, pool), "campaign_id", text_or(eg_rows_text(rows, row, "journey_id"), ""),
        "user_agent", person(detail, "ua"), "ip", person(detail, "ip"));
}

json_t *eg_event_json(const eg_rows *rows, int row, eg_surface surface, apr_pool_t *pool)
{
    const json_t *detail = eg_event_column(rows, row, "detail", pool);
    char buffer[EG_DATETIME_SIZE];
    const char *at = eg_datetime_format(buffer, eg_rows_int(rows, row, "at_us"));
    json_t *event =
        surface == EG_SURFACE_V1 ? v1_event(rows, row, at, detail) : api_event(rows, row, at, detail, pool);

    add_common(event, rows, row, detail, surface, pool);
    return event;
}

int eg_event_judge(eg_call *call, const eg_rows *rows, const char *count)
{
    switch (eg_rows_int(rows, 0, "status")) {
    case 0:
        return 1;
    case EG_E_TOO_BROAD:
        eg_errors_add(&call->errors, EG_E_TOO_BROAD,
                      "Too many events: %" APR_INT64_T_FMT
                      " are between these days, and %d can be looked through at once: "
                      "narrow StartDate and EndDate",
                      eg_rows_int(rows, 0, count), EG_EVENTS_READ_MAX);
        return 0;
    default:
        eg_call_refuse(call, 2);
        return 0;
    }
}

const char *eg_event_after(eg_call *call, const json_t *value, apr_int64_t start)
{
    const char *id = json_string_value(value);

    if (value == NULL || (id != NULL && *id == '\0')) {
        return NULL;
    }
    if (id == NULL || !eg_uuid_valid(id)) {
        eg_errors_add(&call->errors, EG_E_AFTER, "Invalid After: it must be the id of an event");
        return NULL;
    }
    if (start != 0) {
        eg_errors_add(&call->errors, EG_E_AFTER, "Invalid After: StartFrom must be 0 beside it");
    }
    return id;
}

void eg_event_check_period(eg_call *call)
{
    const char *start = eg_param_text(call, "StartDate"), *end = eg_param_text(call, "EndDate");

    if (start != NULL && end != NULL && strcmp(end, start) < 0) {
        eg_errors_add(&call->errors, EG_E_END_DATE, "Invalid parameter 'EndDate': it is before StartDate");
    }
}

apr_status_t eg_event_sum_up(eg_rows **rows, eg_call *call, const char *function, const eg_dbarg *args,
                             apr_size_t count)
{
    *rows = NULL;
    eg_event_check_period(call);
    return eg_errors_any(&call->errors) ? APR_SUCCESS
                                        : eg_db_call(rows, call->db, EG_DB_REPEATABLE, function, args, count);
}
