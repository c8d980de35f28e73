/* EmailGateway.GetErasure: how far it is with erasing somebody, and what was found. */

#include "command.h"
#include "json.h"

static const eg_param params[] = {
    { "ErasureID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: ErasureID" },
    { 2, "Invalid ErasureID or ErasureID not found" },
    { 0, NULL },
};

/* As the report calls what the database counts. */
static const struct {
    const char *shown, *stored;
} counts[] = {
    { "EventsRead", "events_read" },
    { "Events", "events" },
    { "Mentions", "mentions" },
    { "Recipients", "recipients" },
    { "Messages", "messages" },
    { "Contents", "contents" },
    { "Attachments", "attachments" },
    { "Cancelled", "cancelled" },
    { "Suppressions", "suppressions" },
    { "IdempotencyKeys", "idempotency_keys" },
    { "TagCounts", "tag_counts" },
    { "Subscribers", "subscribers" },
    { "ReturnedMails", "returned_mails" },
    { "Digests", "digests" },
    { "Parts", "parts" },
};

static json_t *report(const char *text, apr_pool_t *pool)
{
    json_t *shown = json_object(), *stored = eg_json_stored(text, pool);

    for (size_t i = 0; stored != NULL && i < sizeof counts / sizeof *counts; i++) {
        json_object_set_new(shown, counts[i].shown,
                            json_integer(json_integer_value(json_object_get(stored, counts[i].stored))));
    }
    return shown;
}

/* Of the account's own texts those that are left to it. */
static json_t *templates(const char *text, const eg_call *call)
{
    json_t *shown = json_array(), *stored = eg_json_stored(text, call->pool), *each;
    size_t i;

    json_array_foreach(stored, i, each)
    {
        apr_int64_t id = json_integer_value(json_object_get(each, "template_id"));

        json_array_append_new(shown, json_pack("{s:s, s:O}", "TemplateID", eg_call_id(call, id), "Name",
                                               json_object_get(each, "name")));
    }
    return shown;
}

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 2, "get_erasure",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "ErasureID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    eg_call_reply(call, json_pack("{s:s, s:o, s:o, s:o, s:o}", "State", eg_rows_text(rows, 0, "state"),
                                  "Report", report(eg_rows_text(rows, 0, "counts"), call->pool), "Templates",
                                  templates(eg_rows_text(rows, 0, "templates"), call), "CreationDate",
                                  eg_call_time(eg_rows_int(rows, 0, "created_us")), "FinishedDate",
                                  eg_call_time(eg_rows_int(rows, 0, "finished_us"))));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_erasure = { .run = run, .params = params, .faults = faults };
