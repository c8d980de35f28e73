/*
 * What a webhook is told of an event in the manner of Postmark: one flat object for
 * each RecordType, with names in PascalCase.
 */
#include <apr_strings.h>
#include <string.h>

#include "datetime.h"
#include "eventtype.h"
#include "json.h"
#include "webhook_facts.h"

/* How a bounce of one of our classes is called there. */
static const struct {
    const char *class, *type;
    int code;
    const char *name;
} kinds[] = {
    { "recipient", "HardBounce", 1, "Hard bounce" },
    { "mailbox-full", "SoftBounce", 4096, "Soft bounce" },
    { "expired", "SoftBounce", 4096, "Soft bounce" },
    { "content", "SpamNotification", 512, "Spam notification" },
    { "policy", "Blocked", 100006, "ISP block" },
    { "reputation", "Blocked", 100006, "ISP block" },
    { "authentication", "Blocked", 100006, "ISP block" },
    { NULL, "Unknown", 2048, "Undetermined" }, /* all others */
};

static int kind_of(const char *class)
{
    int i = 0;

    while (kinds[i].class && (!class || strcmp(class, kinds[i].class) != 0)) {
        i++;
    }
    return i;
}

/* Theirs are numbers: the last 48 bits of an event's id, which are random. */
static json_t *number_of(const char *event_id)
{
    size_t length = strlen(event_id);

    return json_integer((json_int_t)apr_strtoi64(length > 12 ? event_id + length - 12 : event_id, NULL, 16));
}

/* What they all have. There is one tag there: the first. */
static json_t *begin(const char *record, const egs_event *event, const egs_facts *facts)
{
    const char *tag = json_string_value(json_array_get(facts->tags, 0));

    return json_pack("{s:s, s:s*, s:s, s:s, s:{}}", "RecordType", record, "MessageID", event->message_id,
                     "Tag", tag ? tag : "", "MessageStream", "outbound", "Metadata");
}

static void set(json_t *body, const char *key, const char *text)
{
    json_object_set_new(body, key, json_string(text ? text : ""));
}

static void set_time(json_t *body, const char *key, const egs_event *event)
{
    char at[EG_DATETIME_SIZE];

    set(body, key, eg_datetime_format(at, event->at));
}

static json_t *bounce(const egs_event *event, const egs_facts *facts)
{
    int kind = kind_of(facts->class);
    json_t *body = begin("Bounce", event, facts);

    json_object_set_new(body, "ID", number_of(event->event_id));
    set(body, "Type", kinds[kind].type);
    json_object_set_new(body, "TypeCode", json_integer(kinds[kind].code));
    set(body, "Name", kinds[kind].name);
    set(body, "Description", facts->class);
    set(body, "Details", facts->text);
    set(body, "Email", event->recipient);
    set(body, "From", event->from);
    set_time(body, "BouncedAt", event);
    json_object_set_new(body, "Inactive", json_boolean(facts->suppress));
    json_object_set_new(body, "CanActivate", json_boolean(facts->suppress));
    set(body, "Subject", facts->subject);
    return body;
}

static json_t *complaint(const egs_event *event, const egs_facts *facts)
{
    json_t *body = begin("SpamComplaint", event, facts);

    json_object_set_new(body, "ID", number_of(event->event_id));
    set(body, "Type", "SpamComplaint");
    json_object_set_new(body, "TypeCode", json_integer(100001));
    set(body, "Name", "Spam complaint");
    set(body, "Email", event->recipient);
    set(body, "From", event->from);
    set_time(body, "BouncedAt", event);
    json_object_set_new(body, "Inactive", json_true());
    json_object_set_new(body, "CanActivate", json_false());
    set(body, "Subject", facts->subject);
    return body;
}

/* A delivery; "Sent" is ours, since there it is told of nothing that is only taken into the queue. */
static json_t *way(const char *record, const char *time, const egs_event *event, const egs_facts *facts)
{
    json_t *body = begin(record, event, facts);

    set(body, "Recipient", event->recipient);
    set_time(body, time, event);
    set(body, "Details", facts->text);
    return body;
}

static json_t *person(const char *record, const egs_event *event, const egs_facts *facts)
{
    json_t *body = begin(record, event, facts);

    set(body, "Recipient", event->recipient);
    set_time(body, "ReceivedAt", event);
    set(body, "UserAgent", facts->user_agent);
    json_object_set_new(body, "Geo", json_pack("{s:s}", "IP", facts->ip ? facts->ip : ""));
    if (facts->url) {
        set(body, "OriginalLink", facts->url);
    }
    return body;
}

static json_t *unsubscribe(const egs_event *event, const egs_facts *facts)
{
    json_t *body = begin("SubscriptionChange", event, facts);

    set(body, "Recipient", event->recipient);
    set_time(body, "ChangedAt", event);
    set(body, "Origin", "Recipient");
    json_object_set_new(body, "SuppressSending", json_true());
    set(body, "SuppressionReason", "ManualSuppression");
    return body;
}

static json_t *make(const egs_event *event, const egs_facts *facts)
{
    switch (event->is_test ? EG_EVENT_DELIVERY : event->type) {
    case EG_EVENT_SEND:
        return way("Sent", "SubmittedAt", event, facts);
    case EG_EVENT_DELIVERY:
        return way("Delivery", "DeliveredAt", event, facts);
    case EG_EVENT_BOUNCE:
        return bounce(event, facts);
    case EG_EVENT_COMPLAINT:
        return complaint(event, facts);
    case EG_EVENT_OPEN:
        return person("Open", event, facts);
    case EG_EVENT_CLICK:
        return person("Click", event, facts);
    case EG_EVENT_UNSUBSCRIBE:
        return unsubscribe(event, facts);
    default:
        return NULL;
    }
}

const char *egs_webhook_postmark(const egs_event *event, apr_pool_t *pool)
{
    egs_facts facts;
    json_t *body;

    egs_webhook_facts(&facts, event, pool);
    body = make(event, &facts);
    if (!body) {
        return NULL;
    }
    if (event->is_test) {
        json_object_set_new(json_object_get(body, "Metadata"), "test", json_string("true"));
    }
    return eg_json_text(eg_json_own(body, pool), pool);
}
