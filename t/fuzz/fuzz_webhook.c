/* egs_webhook_*: whatever is stored with an event, each body is JSON of bounded size that tells of this event. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "eventtype.h"
#include "json.h"
#include "target.h"
#include "utf8.h"
#include "webhook_post.h"

#define BODY_MAX 20000
#define TAGS_SIZE 3000 /* more than the tags that a mail may have */
#define DETAIL_SIZE 65536
#define PIECE "\x1e" /* between the texts of an input */
#define MESSAGE_ID "0198c2f4-0000-7000-8000-000000000001"
#define EVENT_ID "0198c2f4-0000-7000-8000-00000000000f"

/* The next text of at most max bytes; "" where it is none that can be stored. */
static const char *next(const char **at, apr_size_t max, apr_pool_t *pool)
{
    apr_size_t length = strcspn(*at, PIECE);
    const char *text = apr_pstrmemdup(pool, *at, length);

    *at += length + ((*at)[length] != '\0');
    return eg_utf8_valid(text, length) ? eg_utf8_cut(text, max, pool) : "";
}

/* The same as JSON of a type; NULL where it is none. */
static const char *next_json(const char **at, json_type type, apr_size_t max, apr_pool_t *pool)
{
    const char *text = next(at, max, pool), *problem;
    json_t *value;

    return eg_json_parse(&value, &problem, text, strlen(text), pool) == APR_SUCCESS &&
                   json_typeof(value) == type
               ? text
               : NULL;
}

static json_t *read_body(const char *body, size_t max, apr_pool_t *pool)
{
    json_t *value = json_loads(body, 0, NULL);

    must(strlen(body) < max && json_is_object(value));
    return eg_json_own(value, pool);
}

static void check_native(const egs_event *event, apr_pool_t *pool)
{
    const char *body = egs_webhook_body(event, pool);
    json_t *data = json_object_get(read_body(body, BODY_MAX, pool), "data");

    must(strcmp(json_string_value(json_object_get(data, "MessageId")), MESSAGE_ID) == 0);
    must(strcmp(json_string_value(json_object_get(data, "Recipient")), event->recipient) == 0);
}

static void check_mailgun(const egs_event *event, apr_pool_t *pool)
{
    egs_mailgun_seal seal;
    json_t *body, *data;

    egs_mailgun_sign(&seal, (eg_bytes){ "key", 3 }, apr_time_from_sec(1800000000), "token", pool);
    body = read_body(egs_webhook_mailgun(event, &seal, pool), BODY_MAX, pool);
    data = json_object_get(body, "event-data");
    must(strlen(json_string_value(json_object_get(json_object_get(body, "signature"), "signature"))) == 64);
    must(strcmp(json_string_value(json_object_get(data, "id")), EVENT_ID) == 0);
    must(strcmp(json_string_value(json_object_get(data, "recipient")), event->recipient) == 0);
}

static void check_postmark(const egs_event *event, apr_pool_t *pool)
{
    json_t *body = read_body(egs_webhook_postmark(event, pool), BODY_MAX, pool);

    must(strcmp(json_string_value(json_object_get(body, "MessageID")), MESSAGE_ID) == 0);
    must(json_is_string(json_object_get(body, "RecordType")));
}

/* A byte for the type, then recipient, sender, domain, subject, tags and detail. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    egs_event event = { .event_id = EVENT_ID, .message_id = MESSAGE_ID, .at = 1800000000123456 };
    const char *at;
    apr_pool_t *pool;

    if (size == 0) {
        return 0;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    at = apr_pstrmemdup(pool, (const char *)data + 1, size - 1);
    event.is_test = data[0] >= 0x80;
    event.type = event.is_test ? 0 : 1 + data[0] % EG_EVENT_COMPLAINT;
    event.recipient = next(&at, 320, pool);
    event.from = next(&at, 320, pool);
    event.domain = next(&at, 253, pool);
    event.subject = next(&at, 998, pool);
    event.tags = next_json(&at, JSON_ARRAY, TAGS_SIZE, pool);
    event.detail = next_json(&at, JSON_OBJECT, DETAIL_SIZE, pool);
    check_native(&event, pool);
    if (event.is_test || eg_eventtype_synonym(event.type) != NULL) {
        check_mailgun(&event, pool);
        check_postmark(&event, pool);
    }
    else {
        must(egs_webhook_postmark(&event, pool) == NULL);
    }
    apr_pool_destroy(pool);
    return 0;
}
