/*
 * What a webhook is told of an event in the manner of Mailgun: "signature" and
 * "event-data", with names in lower case and hyphens.
 */
#include <apr_encode.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "eventtype.h"
#include "json.h"
#include "webhook_facts.h"

#define TOKEN_SIZE 25 /* random bytes: 50 hex digits */

/* What happened; a test tells of a delivery. */
static const char *event_name(const egs_event *event)
{
    static const char *const names[] = {
        [EG_EVENT_SEND] = "accepted",        [EG_EVENT_DELIVERY] = "delivered",
        [EG_EVENT_BOUNCE] = "failed",        [EG_EVENT_OPEN] = "opened",
        [EG_EVENT_CLICK] = "clicked",        [EG_EVENT_UNSUBSCRIBE] = "unsubscribed",
        [EG_EVENT_COMPLAINT] = "complained",
    };
    int type = event->is_test ? EG_EVENT_DELIVERY : event->type;

    return type > 0 && (size_t)type < sizeof names / sizeof *names ? names[type] : NULL;
}

/* Mailgun's key is a text: ours as SigningKey shows it. */
static void sign(egs_mailgun_seal *seal, eg_bytes key, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(
        pool, "whsec_",
        apr_pencode_base64_binary(pool, key.data, (apr_ssize_t)key.size, APR_ENCODE_NONE, NULL), NULL);
    const char *signed_text = apr_pstrcat(pool, seal->timestamp, seal->token, NULL);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    HMAC(EVP_sha256(), text, (int)strlen(text), (const unsigned char *)signed_text, strlen(signed_text), mac,
         &size);
    seal->signature = apr_pencode_base16_binary(pool, mac, (apr_ssize_t)size, APR_ENCODE_LOWER, NULL);
}

void egs_mailgun_sign(egs_mailgun_seal *seal, eg_bytes key, apr_time_t now, const char *token,
                      apr_pool_t *pool)
{
    seal->timestamp = apr_psprintf(pool, "%" APR_TIME_T_FMT, apr_time_sec(now));
    seal->token = token;
    sign(seal, key, pool);
}

const char *egs_mailgun_token(apr_pool_t *pool)
{
    unsigned char bytes[TOKEN_SIZE];

    if (eg_random(bytes, sizeof bytes) != APR_SUCCESS) {
        return NULL;
    }
    return apr_pencode_base16_binary(pool, bytes, sizeof bytes, APR_ENCODE_LOWER, NULL);
}

static json_t *delivery_status(const egs_facts *facts)
{
    return json_pack("{s:s, s:s*, s:s*, s:i, s:i, s:f, s:b, s:s*}", "message", facts->text ? facts->text : "",
                     "description", facts->class, "enhanced-code", facts->enhanced, "code", facts->code,
                     "attempt-no", facts->attempt ? facts->attempt : 1, "session-seconds", facts->seconds,
                     "tls", facts->tls, "mx-host", facts->host);
}

/* A bounce is for good: what is tried again is no event of a webhook's. */
static void add_failure(json_t *data, const egs_facts *facts)
{
    int expired = facts->class && strcmp(facts->class, "expired") == 0;

    json_object_set_new(data, "severity", json_string("permanent"));
    json_object_set_new(data, "reason",
                        json_string(expired           ? "old"
                                    : facts->suppress ? "bounce"
                                                      : "generic"));
}

static void add_person(json_t *data, const egs_facts *facts)
{
    json_object_set_new(data, "ip", json_string(facts->ip ? facts->ip : ""));
    json_object_set_new(data, "client-info",
                        json_pack("{s:s}", "user-agent", facts->user_agent ? facts->user_agent : ""));
    if (facts->url) {
        json_object_set_new(data, "url", json_string(facts->url));
    }
}

static void add_what_applies(json_t *data, const egs_event *event, const egs_facts *facts)
{
    if (event->is_test || event->type == EG_EVENT_DELIVERY || event->type == EG_EVENT_BOUNCE) {
        json_object_set_new(data, "delivery-status", delivery_status(facts));
    }
    if (event->type == EG_EVENT_BOUNCE) {
        add_failure(data, facts);
    }
    if (event->type == EG_EVENT_OPEN || event->type == EG_EVENT_CLICK ||
        event->type == EG_EVENT_UNSUBSCRIBE) {
        add_person(data, facts);
    }
}

/* What the sender of the mail has stamped on it. */
static json_t *user_variables(const egs_event *event)
{
    json_t *variables = json_object();
    const struct {
        const char *name;
        apr_int64_t id;
    } ids[] = { { "ListID", event->list_id },
                { "SubscriberID", event->subscriber_id },
                { "JourneyID", event->journey_id },
                { "ActionID", event->action_id } };

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (ids[i].id) {
            json_object_set_new(variables, ids[i].name, json_integer(ids[i].id));
        }
    }
    return variables;
}

static json_t *event_data(const egs_event *event, const char *name, apr_pool_t *pool)
{
    egs_facts facts;
    json_t *data;

    egs_webhook_facts(&facts, event, pool);
    data = json_pack("{s:s, s:s, s:f, s:s, s:s*, s:s*, s:O, s:o, s:{s:b}, s:{s:s*, s:s*, s:s},"
                     " s:{s:{s:s*, s:s*, s:s*, s:s*}}}",
                     "id", event->event_id, "event", name, "timestamp", (double)event->at / APR_USEC_PER_SEC,
                     "log-level", event->type == EG_EVENT_BOUNCE ? "error" : "info", "recipient",
                     event->recipient, "recipient-domain", facts.recipient_domain, "tags", facts.tags,
                     "user-variables", user_variables(event), "flags", "is-test-mode", event->is_test,
                     "envelope", "sender", event->from, "targets", event->recipient, "transport", "smtp",
                     "message", "headers", "message-id", event->message_id, "from", event->from, "to",
                     event->recipient, "subject", facts.subject);
    add_what_applies(data, event, &facts);
    return data;
}

const char *egs_webhook_mailgun(const egs_event *event, const egs_mailgun_seal *seal, apr_pool_t *pool)
{
    const char *name = event_name(event);

    if (!name) {
        return NULL;
    }
    return eg_json_text(eg_json_own(json_pack("{s:{s:s, s:s, s:s}, s:o}", "signature", "timestamp",
                                              seal->timestamp, "token", seal->token, "signature",
                                              seal->signature, "event-data", event_data(event, name, pool)),
                                    pool),
                        pool);
}
