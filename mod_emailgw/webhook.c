#include "webhook.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_encode.h>
#include <apr_strings.h>

#include "eventtype.h"
#include "json.h"
#include "url.h"
#include "utf8.h"

#define UNPROCESSABLE 422 /* HTTP: these numbers mean other things elsewhere */

/* One name onto the set of types. @return is there such an event, and are webhooks told of it? */
static int add_event(int wanted[EG_EVENT_COMPLAINT + 1], const char *name)
{
    eg_eventtype type = eg_eventtype_parse(name);

    if (type == 0 || eg_eventtype_synonym((int)type) == NULL) {
        return 0;
    }
    wanted[type] = 1;
    return 1;
}

static void refuse_event(eg_call *call, const char *name)
{
    eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_WEBHOOK_EVENT,
                     "Invalid Event value '%s': it must be of %s",
                     eg_utf8_excerpt(name, strlen(name), call->pool), eg_eventtype_webhook_list());
}

/* "delivery, bounce" */
static void add_names(int wanted[EG_EVENT_COMPLAINT + 1], eg_call *call, const char *text)
{
    char *list = apr_pstrdup(call->pool, text), *state, *name;

    for (name = apr_strtok(list, ",", &state); name != NULL; name = apr_strtok(NULL, ",", &state)) {
        apr_collapse_spaces(name, name);
        if (!add_event(wanted, name)) {
            refuse_event(call, name);
        }
    }
}

static int is_empty(const json_t *value)
{
    return value == NULL ||
           (json_is_string(value) && strspn(json_string_value(value), ", ") == json_string_length(value)) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static void parse_events(eg_webhook *hook, eg_call *call)
{
    json_t *value = eg_call_arg(call, "Event"), *item;
    int wanted[EG_EVENT_COMPLAINT + 1] = { 0 };
    size_t i;

    if (is_empty(value)) {
        eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_WEBHOOK_EVENT_MISSING, "Event is missing");
        return;
    }
    if (json_is_string(value)) {
        add_names(wanted, call, json_string_value(value));
    }
    else if (!json_is_array(value)) {
        refuse_event(call, eg_json_text(value, call->pool));
    }
    json_array_foreach(value, i, item)
    {
        if (!json_is_string(item) || !add_event(wanted, json_string_value(item))) {
            refuse_event(call,
                         json_is_string(item) ? json_string_value(item) : eg_json_text(item, call->pool));
        }
    }
    for (int type = 0; type <= EG_EVENT_COMPLAINT; type++) {
        if (wanted[type]) {
            APR_ARRAY_PUSH(hook->events, const char *) = apr_itoa(call->pool, type);
        }
    }
}

static void parse_url(eg_webhook *hook, eg_call *call)
{
    json_t *value = eg_call_arg(call, "WebhookURL");
    const char *problem = "it is no text";

    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_WEBHOOK_URL, "WebhookURL is missing");
        return;
    }
    if (!json_is_string(value) || eg_url_parse(&hook->url, &problem, json_string_value(value),
                                               call->limits->webhook_allow, call->pool) != APR_SUCCESS) {
        eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_WEBHOOK_URL, "WebhookURL is invalid: %s",
                         problem);
    }
}

static void parse_payload(eg_webhook *hook, eg_call *call)
{
    static const char *const payloads[] = { "native", "mailgun", "postmark" };
    json_t *value = eg_call_arg(call, "Payload");
    const char *name = json_string_value(value);

    hook->payload = payloads[0];
    if (value == NULL || (name != NULL && *name == '\0')) {
        return;
    }
    for (apr_size_t i = 0; name != NULL && i < sizeof payloads / sizeof *payloads; i++) {
        if (apr_cstr_casecmp(name, payloads[i]) == 0) {
            hook->payload = payloads[i];
            return;
        }
    }
    eg_errors_add_as(&call->errors, UNPROCESSABLE, EG_E_PAYLOAD,
                     "Payload is invalid: it must be native, mailgun or postmark");
}

void eg_webhook_parse(eg_webhook *hook, eg_call *call)
{
    hook->url = NULL;
    hook->events = apr_array_make(call->pool, EG_EVENT_COMPLAINT, sizeof(const char *));
    parse_events(hook, call);
    parse_url(hook, call);
    parse_payload(hook, call);
}

void eg_webhook_show_state(json_t *hook, const eg_rows *rows, int row)
{
    json_object_set_new(hook, "Payload", json_string(eg_rows_text(rows, row, "payload")));
    json_object_set_new(hook, "Status", json_string(eg_rows_text(rows, row, "webhook_status")));
    if (eg_rows_text(rows, row, "failing_us") != NULL) {
        json_object_set_new(hook, "FailingSince", eg_call_time(eg_rows_int(rows, row, "failing_us")));
    }
    if (eg_rows_text(rows, row, "disabled_reason") != NULL) {
        json_object_set_new(hook, "Reason", json_string(eg_rows_text(rows, row, "disabled_reason")));
    }
}

apr_status_t eg_webhook_show_key(const char **text, eg_call *call, eg_bytes sealed)
{
    eg_bytes key;
    apr_status_t rv =
        eg_unseal(&key, call->secret, EG_SEAL_WEBHOOK_KEY, call->account_id, sealed, call->pool);

    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv,
                  EGLOGNO(0120) "account=%" APR_INT64_T_FMT
                                ": a webhook signing key cannot be opened: it was sealed "
                                "with another secret file",
                  call->account_id);
        return rv;
    }
    *text = apr_pstrcat(
        call->pool, "whsec_",
        apr_pencode_base64_binary(call->pool, key.data, (apr_ssize_t)key.size, APR_ENCODE_NONE, NULL), NULL);
    return APR_SUCCESS;
}
