/* EmailGateway.GetWebhookDeliveries: what was and is to be posted to a webhook, newest event first, page by page. */
#include <string.h>

#include <apr_cstr.h>

#include "command.h"
#include "eventtype.h"

static const eg_param params[] = {
    { "WebhookID", EG_ID, EG_REQUIRED, .error = 1 },
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1, .invalid = 2 },
    { "State", EG_TEXT, EG_OPTIONAL, .error = 5, .max = 20 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 6 },
    { "After", EG_UUID, EG_OPTIONAL, .error = 7, .invalid = 7 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: WebhookID or DomainID" },
    { 2, "Invalid DomainID or DomainID not found" },
    { 3, "Domain validation failed: the webhook is of another domain" },
    { 4, "Webhook not found or user does not have permission to access it" },
    { 5, "Invalid parameter 'State': it must be pending, delivered or failed" },
    { 0, NULL },
};

/* NULL is all of them. @return 0 when it is none */
static int read_state(const char **state, eg_call *call)
{
    static const char *const states[] = { "pending", "delivered", "failed" };
    const char *given = eg_param_text(call, "State");

    *state = NULL;
    for (apr_size_t i = 0; given != NULL && i < sizeof states / sizeof *states; i++) {
        if (apr_cstr_casecmp(given, states[i]) == 0) {
            *state = states[i];
        }
    }
    if (given != NULL && *given != '\0' && *state == NULL) {
        eg_call_refuse(call, 5);
        return 0;
    }
    return 1;
}

static const char *event_name(const eg_rows *rows, int row)
{
    return eg_rows_bool(rows, row, "is_test") ? "test"
                                              : eg_eventtype_name((int)eg_rows_int(rows, row, "type"));
}

static json_t *delivery_json(const eg_rows *rows, int row)
{
    json_t *status = eg_rows_text(rows, row, "status_code") != NULL
                         ? json_integer(eg_rows_int(rows, row, "status_code"))
                         : json_null();

    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:I, s:o, s:s?, s:o, s:o, s:o}", "EventID",
                     eg_rows_text(rows, row, "event_id"), "Event", event_name(rows, row), "MessageID",
                     eg_rows_text(rows, row, "message_id"), "Recipient", eg_rows_text(rows, row, "email"),
                     "State", eg_rows_text(rows, row, "state"), "Attempts",
                     (json_int_t)eg_rows_int(rows, row, "tries"), "StatusCode", status, "Error",
                     eg_rows_text(rows, row, "error"), "FirstAttempt",
                     eg_call_time(eg_rows_int(rows, row, "first_us")), "LastAttempt",
                     eg_call_time(eg_rows_int(rows, row, "last_us")), "NextAttempt",
                     eg_call_time(eg_rows_int(rows, row, "next_us")));
}

/* One row more than the page was asked for tells that there is another page. */
static void answer(eg_call *call, const eg_rows *rows, int count)
{
    json_t *deliveries = json_array();
    const char *next = NULL;

    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "event_id") != NULL; row++) {
        if (row == count) {
            next = count > 0 ? eg_rows_text(rows, row - 1, "event_id") : NULL;
            break;
        }
        json_array_append_new(deliveries, delivery_json(rows, row));
    }
    eg_call_reply(call, json_pack("{s:o, s:s?}", "Deliveries", deliveries, "Next", next));
}

static apr_status_t run(eg_call *call)
{
    int count = eg_param_page(call);
    const char *state;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    if (!read_state(&state, call)) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_webhook_deliveries",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                               eg_param_arg(call, "WebhookID"), eg_db_text(state), eg_db_int(count + 1),
                               eg_param_arg(call, "After")));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        answer(call, rows, count);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_webhook_deliveries = { .run = run, .params = params, .faults = faults };
