#include "message.h"

#include "event.h"
#include "uuid.h"

#define NOT_FOUND 404

const eg_param eg_message_params[] = {
    { "MessageID", EG_UUID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

const eg_fault eg_message_faults[] = {
    { 1, "Missing required parameter: MessageID" },
    { 2, "Unable to retrieve message" },
    { 0, NULL },
};

eg_dbarg eg_message_id(const char *text)
{
    return eg_db_text(text != NULL && eg_uuid_valid(text) ? text : EG_UUID_NONE);
}

eg_dbarg eg_message_owner(const eg_call *call, eg_surface surface)
{
    return eg_db_bytes(surface == EG_SURFACE_V1 ? call->key_hash : NULL, EG_HASH_SIZE);
}

apr_status_t eg_message_get(eg_rows **rows, eg_call *call, eg_surface surface, const char *message_id)
{
    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "get_message",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_message_owner(call, surface),
                                 eg_message_id(message_id), eg_db_int(EG_EVENTS_COUNT_MAX)));
}

/* Repeatable: what a first one has cancelled is finished for the second. */
apr_status_t eg_message_cancel(eg_rows **rows, eg_call *call, eg_surface surface, const char *message_id)
{
    return eg_db_call(
        rows, call->db, EG_DB_REPEATABLE, "cancel_message",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_message_owner(call, surface), eg_message_id(message_id)));
}

static json_t *time_of(const json_t *recipient, const char *name)
{
    return eg_call_time((apr_time_t)json_integer_value(json_object_get(recipient, name)));
}

static json_t *recipients_json(const eg_rows *rows, apr_pool_t *pool)
{
    json_t *list = json_array(), *recipient;
    size_t i;

    json_array_foreach(eg_event_column(rows, 0, "recipients", pool), i, recipient)
    {
        json_array_append_new(
            list,
            json_pack("{s:O, s:O, s:O, s:O, s:o, s:o}", "Email", json_object_get(recipient, "email"), "Kind",
                      json_object_get(recipient, "kind"), "State", json_object_get(recipient, "state"),
                      "Attempts", json_object_get(recipient, "attempts"), "NextAttempt",
                      time_of(recipient, "next_us"), "FinishedAt", time_of(recipient, "finished_us")));
    }
    return list;
}

static json_t *events_json(const eg_rows *rows, eg_surface surface, apr_pool_t *pool)
{
    json_t *list = json_array();

    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (eg_rows_text(rows, row, "event_id") != NULL) {
            json_array_append_new(list, eg_event_json(rows, row, surface, pool));
        }
    }
    return list;
}

json_t *eg_message_json(const eg_rows *rows, eg_surface surface, apr_pool_t *pool)
{
    return json_pack(
        "{s:s, s:{s:s, s:s}, s:s, s:O, s:o, s:o, s:o, s:o}", "MessageID", eg_rows_text(rows, 0, "message_id"),
        "From", "email", eg_rows_text(rows, 0, "from_email"), "name", eg_rows_text(rows, 0, "from_name"),
        "Subject", eg_rows_text(rows, 0, "subject"), "Tags", eg_event_column(rows, 0, "tags", pool), "SendAt",
        eg_call_time(eg_rows_int(rows, 0, "send_at_us")), "CreatedAt",
        eg_call_time(eg_rows_int(rows, 0, "accepted_at_us")), "Recipients", recipients_json(rows, pool),
        "Events", events_json(rows, surface, pool));
}

json_t *eg_message_cancelled(const eg_rows *rows)
{
    return json_pack("{s:I, s:I, s:I}", "Cancelled", (json_int_t)eg_rows_int(rows, 0, "cancelled"),
                     "InFlight", (json_int_t)eg_rows_int(rows, 0, "in_flight"), "Finished",
                     (json_int_t)eg_rows_int(rows, 0, "finished"));
}

void eg_message_refuse(eg_call *call, int status)
{
    if (status == EG_E_MESSAGE_ID) {
        eg_errors_add_as(&call->errors, NOT_FOUND, EG_E_MESSAGE_ID,
                         "Invalid MessageID: there is no message with this id");
    }
    else {
        eg_call_refuse_key(call, status);
    }
}
