/*
 * What a webhook is told of an event.
 */
#include <apr_strings.h>
#include <string.h>

#include "datetime.h"
#include "eventtype.h"
#include "json.h"
#include "utf8.h"
#include "webhook_post.h"

#define BODY_MAX 19999 /* bytes */

/* What is there, under the name that the body gives it. */
static void copy(json_t *to, const char *key, const json_t *from, const char *stored)
{
    json_t *value = json_object_get(from, stored);

    if (value && !json_is_null(value)) {
        json_object_set(to, key, value);
    }
}

static void set_text(json_t *to, const char *key, const char *text)
{
    if (text) {
        json_object_set_new(to, key, json_string(text));
    }
}

static void set_id(json_t *to, const char *key, apr_int64_t id)
{
    if (id) {
        json_object_set_new(to, key, json_integer(id));
    }
}

static void set_dialogue(json_t *data, const json_t *stored)
{
    json_t *smtp;

    if (!json_is_object(stored)) {
        return;
    }
    smtp = json_object();
    copy(smtp, "Code", stored, "code");
    copy(smtp, "EnhancedCode", stored, "enhanced");
    copy(smtp, "Text", stored, "text");
    copy(smtp, "Host", stored, "host");
    copy(smtp, "TLS", stored, "tls");
    copy(smtp, "Seconds", stored, "seconds");
    json_object_set_new(data, "Smtp", smtp);
}

static void set_detail(json_t *data, const json_t *detail)
{
    json_t *url = json_object_get(detail, "url");

    copy(data, "Attempt", detail, "attempt");
    set_dialogue(data, json_object_get(detail, "smtp"));
    copy(data, "Bounce", detail, "bounce");
    if (json_is_string(url)) {
        json_object_set_new(data, "Click", json_pack("{s:O}", "URL", url));
    }
    copy(data, "Machine", detail, "machine");
    copy(data, "UserAgent", detail, "ua");
    copy(data, "IpAddress", detail, "ip");
}

static json_t *make_data(const egs_event *event, apr_pool_t *pool)
{
    const char *at = event->recipient ? strrchr(event->recipient, '@') : NULL;
    json_t *data = json_object(), *tags = eg_json_stored(event->tags, pool);

    set_text(data, "MessageId", event->message_id);
    set_text(data, "EventId", event->event_id);
    set_text(data, "Domain", event->domain);
    set_text(data, "Recipient", event->recipient);
    set_text(data, "RecipientDomain", at ? at + 1 : NULL);
    set_text(data, "From", event->from);
    set_text(data, "Subject", event->subject);
    if (tags) {
        json_object_set(data, "Tags", tags);
    }
    set_detail(data, eg_json_stored(event->detail, pool));
    set_id(data, "ListID", event->list_id);
    set_id(data, "SubscriberID", event->subscriber_id);
    set_id(data, "JourneyID", event->journey_id);
    set_id(data, "ActionID", event->action_id);
    return data;
}

static void cut(json_t *object, const char *key, apr_size_t max, apr_pool_t *pool)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text) {
        json_object_set_new(object, key, json_string(eg_utf8_cut(text, max, pool)));
    }
}

/* The first size that fits: step by step more is cut, in the end parts are left out. */
static const char *fit(json_t *body, json_t *data, apr_pool_t *pool)
{
    static const char *const last[] = { "Bounce", "Smtp", "UserAgent", "Tags" };
    const char *text = eg_json_text(body, pool);

    if (strlen(text) > BODY_MAX) {
        cut(data, "Subject", 200, pool);
        cut(json_object_get(data, "Click"), "URL", 2048, pool);
        cut(json_object_get(data, "Smtp"), "Text", 512, pool);
        cut(data, "UserAgent", 512, pool);
        text = eg_json_text(body, pool);
    }
    for (size_t i = 0; i < sizeof last / sizeof *last && strlen(text) > BODY_MAX; i++) {
        json_object_del(data, last[i]);
        text = eg_json_text(body, pool);
    }
    return text;
}

const char *egs_webhook_body(const egs_event *event, apr_pool_t *pool)
{
    const char *name = event->is_test ? "test" : eg_eventtype_name(event->type);
    char at[EG_DATETIME_SIZE];
    json_t *data, *body;

    if (!name) {
        return NULL;
    }
    data = make_data(event, pool);
    body = eg_json_own(json_pack("{s:s+, s:s, s:o}", "type", "email.", name, "timestamp",
                                 eg_datetime_format(at, event->at), "data", data),
                       pool);
    return fit(body, data, pool);
}
