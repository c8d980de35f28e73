/* The pure parts of posting webhooks: signature, body, judgement, taking turns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "base64.h"
#include "json.h"
#include "testpool.h"
#include "webhook_lanes.h"
#include "webhook_post.h"

/* ---- signature ---------------------------------------------------------------------------------- */

static const struct {
    const char *secret, *id, *timestamp, *body, *signature;
} vectors[] = {
    { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "msg_eg_0001", "1763900000",
      "{\"type\":\"email.delivered\",\"timestamp\":\"2026-11-23T11:33:20Z\",\"data\":{\"message_id\":\"m1\"}"
      "}",
      "v1,12iBV+0GS4QqE9XSygjjoauET3I2+PZyPCZvQdbwP8o=" },
    { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
      "{\"test\": 2432232314}", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" },
};

static void signs(void **state)
{
    egs_signer *signer = egs_webhook_signer(*state);

    assert_non_null(signer);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        eg_bytes key;

        assert_int_equal(eg_base64_decode(&key, vectors[i].secret, strlen(vectors[i].secret), *state),
                         APR_SUCCESS);
        assert_string_equal(
            egs_webhook_sign(signer, key, vectors[i].id, vectors[i].timestamp, vectors[i].body, *state),
            vectors[i].signature);
    }
}

static void signs_with_both_keys(void **state)
{
    egs_signer *signer = egs_webhook_signer(*state);
    egs_post post = { .pool = *state, .id = "e_1", .body = "{}", .key = { "new", 3 } };
    const char *alone = egs_webhook_signatures(signer, &post, "1763900000");

    assert_null(strchr(alone, ' '));
    post.former = (eg_bytes){ "old", 3 };
    assert_string_equal(
        egs_webhook_signatures(signer, &post, "1763900000"),
        apr_psprintf(*state, "%s %s", alone,
                     egs_webhook_sign(signer, post.former, "e_1", "1763900000", "{}", *state)));
}

/* ---- body --------------------------------------------------------------------------------------- */

static egs_event an_event(void)
{
    return (egs_event){ .event_id = "01a2-e",
                        .message_id = "01a2-m",
                        .type = 2,
                        .at = 1763900000500000,
                        .domain = "example.com",
                        .recipient = "ann@example.org",
                        .from = "shop@example.com",
                        .subject = "Hi",
                        .tags = "[\"a\"]" };
}

static void tells_what_applies(void **state)
{
    egs_event event = an_event();

    assert_string_equal(
        egs_webhook_body(&event, *state),
        "{\"type\":\"email.delivery\",\"timestamp\":\"2025-11-23T12:13:20.500000Z\",\"data\":{\"MessageId\":"
        "\"01a2-m\","
        "\"EventId\":\"01a2-e\",\"Domain\":\"example.com\",\"Recipient\":\"ann@example.org\","
        "\"RecipientDomain\":"
        "\"example.org\",\"From\":\"shop@example.com\",\"Subject\":\"Hi\",\"Tags\":[\"a\"]}}");
    event = (egs_event){
        .event_id = "e",
        .message_id = "m",
        .type = 8,
        .recipient = "a@b.example",
        .journey_id = 7,
        .detail = "{\"attempt\": 2, \"smtp\": {\"code\": 250, \"host\": \"mx\", \"seconds\": 0.1}, "
                  "\"bounce\": {\"class\": \"hard\"}, \"url\": \"https://x.example/\", \"machine\": true, "
                  "\"ua\": \"U\", \"ip\": \"192.0.2.1\"}"
    };
    assert_string_equal(egs_webhook_body(&event, *state),
                        "{\"type\":\"email.click\",\"timestamp\":\"1970-01-01T00:00:00Z\",\"data\":{"
                        "\"MessageId\":\"m\",\"EventId\":"
                        "\"e\",\"Recipient\":\"a@b.example\",\"RecipientDomain\":\"b.example\",\"Attempt\":2,"
                        "\"Smtp\":{\"Code\":250,"
                        "\"Host\":\"mx\",\"Seconds\":0.1},\"Bounce\":{\"class\":\"hard\"},\"Click\":{\"URL\":"
                        "\"https://x.example/\"},"
                        "\"Machine\":true,\"UserAgent\":\"U\",\"IpAddress\":\"192.0.2.1\",\"JourneyID\":7}}");
    event.type = 0;
    assert_null(egs_webhook_body(&event, *state));
}

static char *repeated(const char *text, int times, apr_pool_t *pool)
{
    char *whole = apr_palloc(pool, strlen(text) * (size_t)times + 1);

    for (int i = 0; i < times; i++) {
        memcpy(whole + (size_t)i * strlen(text), text, strlen(text) + 1);
    }
    return whole;
}

static void stays_under_20_kb(void **state)
{
    const char *long_text = repeated("\xC3\xBC", 15000, *state), *problem;
    egs_event event = an_event();
    json_t *body, *data;

    event.subject = long_text;
    event.detail = apr_psprintf(*state,
                                "{\"smtp\":{\"code\":250,\"text\":\"%s\"},\"url\":\"https://x.example/%s\","
                                "\"ua\":\"%s\",\"bounce\":{\"text\":\"%s\"}}",
                                long_text, long_text, long_text, long_text);
    const char *text = egs_webhook_body(&event, *state);

    assert_true(strlen(text) < 20000);
    assert_int_equal(eg_json_parse(&body, &problem, text, strlen(text), *state), APR_SUCCESS);
    data = json_object_get(body, "data");
    assert_int_equal(json_string_length(json_object_get(data, "Subject")), 200);
    assert_true(json_string_length(json_object_get(json_object_get(data, "Click"), "URL")) <= 2048);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(data, "Smtp"), "Code")), 250);
    assert_null(json_object_get(data, "Bounce"));
}

/* ---- in the manner of others --------------------------------------------------------------------- */

#define DIALOGUE                                                                                             \
    "\"smtp\": {\"code\": 550, \"enhanced\": \"5.1.1\", \"text\": \"no such user\", \"host\": "              \
    "\"mx.example.org\", "                                                                                   \
    "\"tls\": \"TLSv1.3\", \"seconds\": 0.5}"

/* What stands between the braces of Mailgun's event-data behind "flags", and Postmark's whole body. */
static const struct {
    int type;
    const char *detail, *mailgun, *postmark;
} manners[] = {
    { 1, NULL, "accepted", "\"RecordType\":\"Sent\"" },
    { 2, "{\"attempt\": 1, " DIALOGUE "}", "delivered",
      "\"DeliveredAt\":\"2025-11-23T12:13:20.500000Z\",\"Details\":\"no such user\"" },
    { 4, "{\"attempt\": 2, " DIALOGUE ", \"bounce\": {\"class\": \"recipient\", \"suppress\": true}}",
      "failed",
      "\"Type\":\"HardBounce\",\"TypeCode\":1,\"Name\":\"Hard "
      "bounce\",\"Description\":\"recipient\",\"Details\":"
      "\"no such user\",\"Email\":\"ann@example.org\",\"From\":\"shop@example.com\",\"BouncedAt\":"
      "\"2025-11-23T12:13:20.500000Z\",\"Inactive\":true,\"CanActivate\":true,\"Subject\":\"Hi\"" },
    { 4, "{\"bounce\": {\"class\": \"mailbox-full\"}}", "\"reason\":\"generic\"", "\"TypeCode\":4096" },
    { 4, "{\"bounce\": {\"class\": \"expired\"}}", "\"reason\":\"old\"", "\"Inactive\":false" },
    { 4, "{\"bounce\": {\"class\": \"reputation\"}}", "\"severity\":\"permanent\"", "\"TypeCode\":100006" },
    { 4, "{\"bounce\": {\"class\": \"technical\"}}", "failed", "\"TypeCode\":2048" },
    { 7, "{\"ua\": \"U\", \"ip\": \"192.0.2.1\"}", "\"client-info\":{\"user-agent\":\"U\"}",
      "\"RecordType\":\"Open\",\"MessageID\":\"01a2-m\",\"Tag\":\"a\",\"MessageStream\":\"outbound\","
      "\"Metadata\":{},"
      "\"Recipient\":\"ann@example.org\",\"ReceivedAt\":\"2025-11-23T12:13:20.500000Z\",\"UserAgent\":\"U\","
      "\"Geo\":{\"IP\":"
      "\"192.0.2.1\"}" },
    { 8, "{\"url\": \"https://x.example/\"}", "\"url\":\"https://x.example/\"",
      "\"OriginalLink\":\"https://x.example/\"" },
    { 9, NULL, "unsubscribed", "\"SuppressSending\":true,\"SuppressionReason\":\"ManualSuppression\"" },
    { 10, NULL, "complained", "\"TypeCode\":100001" },
};

static void speaks_as_others_do(void **state)
{
    const egs_mailgun_seal seal = { "1763900000", "t", "s" };

    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        egs_event event = an_event();
        const char *mailgun, *postmark;

        event.type = manners[i].type;
        event.detail = manners[i].detail;
        mailgun = egs_webhook_mailgun(&event, &seal, *state);
        postmark = egs_webhook_postmark(&event, *state);
        print_message("# %d: %s\n# %s\n", event.type, mailgun, postmark);
        assert_non_null(strstr(mailgun, manners[i].mailgun));
        assert_non_null(strstr(postmark, manners[i].postmark));
    }
}

static void tells_mailgun_all(void **state)
{
    const egs_mailgun_seal seal = { "1763900000", "t", "s" };
    egs_event event = an_event();

    event.type = 4;
    event.detail = manners[2].detail;
    event.list_id = 7;
    assert_string_equal(
        egs_webhook_mailgun(&event, &seal, *state),
        "{\"signature\":{\"timestamp\":\"1763900000\",\"token\":\"t\",\"signature\":\"s\"},\"event-data\":{"
        "\"id\":\"01a2-e\",\"event\":\"failed\",\"timestamp\":1763900000.5,\"log-level\":\"error\","
        "\"recipient\":"
        "\"ann@example.org\",\"recipient-domain\":\"example.org\",\"tags\":[\"a\"],\"user-variables\":{"
        "\"ListID\":7},"
        "\"flags\":{\"is-test-mode\":false},\"envelope\":{\"sender\":\"shop@example.com\",\"targets\":"
        "\"ann@example.org\",\"transport\":\"smtp\"},\"message\":{\"headers\":{\"message-id\":\"01a2-m\","
        "\"from\":"
        "\"shop@example.com\",\"to\":\"ann@example.org\",\"subject\":\"Hi\"}},\"delivery-status\":{"
        "\"message\":"
        "\"no such "
        "user\",\"description\":\"recipient\",\"enhanced-code\":\"5.1.1\",\"code\":550,\"attempt-no\":2,"
        "\"session-seconds\":0.5,\"tls\":true,\"mx-host\":\"mx.example.org\"},\"severity\":\"permanent\","
        "\"reason\":"
        "\"bounce\"}}");
    event.type = 3;
    assert_null(egs_webhook_mailgun(&event, &seal, *state));
    assert_null(egs_webhook_postmark(&event, *state));
}

/* The MAC is over timestamp and token, with the key's text as SigningKey shows it: made with Python's hmac. */
static void seals_as_mailgun_does(void **state)
{
    unsigned char key[32];
    egs_mailgun_seal seal;

    for (unsigned char i = 0; i < sizeof key; i++) {
        key[i] = i;
    }
    egs_mailgun_sign(&seal, (eg_bytes){ key, sizeof key }, apr_time_from_sec(1763900000) + 5, "0123abcd",
                     *state);
    assert_string_equal(seal.timestamp, "1763900000");
    assert_string_equal(seal.signature, "2e5b11610ab313f5efb0d5321c4a9891efcd8cbd30f6454fc777a0c7dac71a8e");
    assert_int_equal(strlen(egs_mailgun_token(*state)), 50);
    assert_string_not_equal(egs_mailgun_token(*state), egs_mailgun_token(*state));
}

static void tells_that_it_is_a_test(void **state)
{
    const egs_mailgun_seal seal = { "1", "t", "s" };
    egs_event event = an_event();

    event.type = 0;
    event.is_test = 1;
    assert_non_null(strstr(egs_webhook_body(&event, *state), "{\"type\":\"email.test\","));
    assert_non_null(strstr(egs_webhook_mailgun(&event, &seal, *state), "\"event\":\"delivered\""));
    assert_non_null(strstr(egs_webhook_mailgun(&event, &seal, *state), "\"is-test-mode\":true"));
    assert_non_null(strstr(egs_webhook_postmark(&event, *state), "\"Metadata\":{\"test\":\"true\"}"));
}

static void others_stay_under_20_kb(void **state)
{
    const char *long_text = repeated("\xC3\xBC\\\"", 15000, *state);
    const egs_mailgun_seal seal = { "1", "t", "s" };
    egs_event event = an_event();
    json_t *detail = json_pack("{s:{s:s, s:s, s:s}, s:{s:s}, s:s, s:s, s:s}", "smtp", "text", long_text,
                               "host", long_text, "enhanced", long_text, "bounce", "class", long_text, "url",
                               long_text, "ua", long_text, "ip", long_text);

    event.subject = long_text;
    event.detail = eg_json_text(eg_json_own(detail, *state), *state);
    for (event.type = 1; event.type <= 10; event.type++) {
        const char *mailgun = egs_webhook_mailgun(&event, &seal, *state);
        const char *postmark = egs_webhook_postmark(&event, *state);

        assert_true(!mailgun || strlen(mailgun) < 20000);
        assert_true(!postmark || strlen(postmark) < 20000);
    }
}

/* ---- judgement ---------------------------------------------------------------------------------- */

static const egs_durations schedule = { .each = { 5000000, 300000000 }, .count = 2 };

static void judges_each_status(void **state)
{
    (void)state;
    for (int status = 0; status < 1000; status++) {
        egs_answer answer = { .status = status };
        egs_post_result want = status >= 200 && status < 300 ? EGS_POST_DELIVERED
                               : status == 410               ? EGS_POST_GONE
                                                             : EGS_POST_AGAIN;
        double wait = 0;

        assert_int_equal(egs_webhook_judge(&wait, &answer, 0, &schedule, 0.5), want);
        answer.error = "cut off";
        assert_int_equal(egs_webhook_judge(&wait, &answer, 0, &schedule, 0.5),
                         want == EGS_POST_DELIVERED ? EGS_POST_AGAIN : want);
    }
}

static const struct {
    const char *what;
    int tries, retry_after;
    double random, wait; /* wait 0: failed */
} waits[] = {
    { "first", 0, 0, 0.5, 5 },
    { "first, shortest", 0, 0, 0, 4.5 },
    { "first, longest", 0, 0, 1, 5.5 },
    { "second", 1, 0, 0.5, 300 },
    { "the last has been", 2, 0, 0.5, 0 },
    { "asked to wait longer", 0, 60, 0.5, 60 },
    { "asked to wait less", 1, 60, 0.5, 300 },
    { "asked to wait for a year", 0, 365 * 86400, 0.5, 86400 },
    { "asked to wait after the last", 2, 60, 0.5, 0 },
};

static void waits_by_schedule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        egs_answer answer = { .status = 503, .retry_after = waits[i].retry_after };
        double wait = 0;
        egs_post_result result =
            egs_webhook_judge(&wait, &answer, waits[i].tries, &schedule, waits[i].random);

        print_message("# %s\n", waits[i].what);
        assert_int_equal(result, waits[i].wait > 0 ? EGS_POST_AGAIN : EGS_POST_FAILED);
        assert_true(wait > waits[i].wait - 0.001 && wait < waits[i].wait + 0.001);
    }
}

/* ---- taking turns ------------------------------------------------------------------------------- */

#define SLOW (EGS_LANE_SLOW + 1)

static void add(egs_lanes *lanes, int webhook_id, int count, int failing, apr_pool_t *pool)
{
    for (int i = 0; i < count; i++) {
        egs_post *post = apr_pcalloc(pool, sizeof *post);

        post->webhook_id = webhook_id;
        post->failing = failing;
        egs_lanes_add(lanes, post);
    }
}

static int begin_at(apr_time_t now, egs_lanes *lanes, int connections, int webhook_id)
{
    egs_post *post;
    int count = 0;

    while ((post = egs_lanes_next(lanes, connections, now)) != NULL) {
        count += post->webhook_id == webhook_id;
    }
    return count;
}

static int begin(egs_lanes *lanes, int connections, int webhook_id)
{
    return begin_at(0, lanes, connections, webhook_id);
}

/* A webhook that has answered at once before. To be called while no post waits. */
static void know(egs_lanes *lanes, int webhook_id, apr_pool_t *pool)
{
    add(lanes, webhook_id, 1, 0, pool);
    assert_null(egs_lanes_done(lanes, egs_lanes_next(lanes, 1, 0), 1, 0));
}

static void takes_turns(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    egs_post *first, *second, *third;

    assert_null(egs_lanes_next(lanes, 10, 0));
    know(lanes, 1, *state);
    add(lanes, 1, 20, 0, *state);
    add(lanes, 2, 1, 0, *state);
    first = egs_lanes_next(lanes, 10, 0);
    second = egs_lanes_next(lanes, 10, 0);
    third = egs_lanes_next(lanes, 10, 0);
    assert_int_equal(first->webhook_id, 1);
    assert_int_equal(second->webhook_id, 2);
    assert_int_equal(third->webhook_id, 1);
    assert_int_equal(begin(lanes, 64, 1), EGS_LANE_MAX - 2);
    assert_int_equal(egs_lanes_begun(lanes), EGS_LANE_MAX + 1);
    assert_int_equal(egs_lanes_held(lanes), 21);
    add(lanes, 3, EGS_LANE_ENOUGH - 1, 0, *state);
    assert_false(egs_lanes_is_busy(lanes, 3));
    add(lanes, 3, 1, 0, *state);
    assert_true(egs_lanes_is_busy(lanes, 3));
    assert_true(egs_lanes_is_busy(lanes, 1));
    assert_false(egs_lanes_is_busy(lanes, 2));
    assert_null(egs_lanes_done(lanes, second, 1, 0));
    assert_null(egs_lanes_done(lanes, first, 1, 0));
    assert_int_equal(egs_lanes_next(lanes, 64, 0)->webhook_id, 1);
}

static void keeps_to_connections(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);

    for (int id = 1; id <= 20; id++) {
        know(lanes, id, *state);
    }
    for (int id = 1; id <= 20; id++) {
        add(lanes, id, 8, 0, *state);
    }
    begin(lanes, 10, 1);
    assert_int_equal(egs_lanes_begun(lanes), 10);
}

/* Nobody knows how long they take: they must not have all connections before that shows. */
static void tries_unknown_ones_first(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    egs_post *post;

    know(lanes, 99, *state);
    add(lanes, 1, 20, 0, *state);
    post = egs_lanes_next(lanes, 16, 0);
    assert_null(egs_lanes_next(lanes, 16, 0)); /* one at a time ... */
    for (int id = 2; id <= 20; id++) {
        add(lanes, id, 8, 0, *state);
    }
    assert_int_equal(begin(lanes, 16, 1), 0);
    assert_int_equal(egs_lanes_begun(lanes), 12); /* ... and together they leave a quarter */
    assert_null(egs_lanes_next(lanes, 16, SLOW));
    assert_int_equal(egs_lanes_held_back(lanes, 0), 20 + 19 * 8);
    add(lanes, 99, 8, 0, *state);
    assert_int_equal(begin(lanes, 16, 99), 4);
    assert_null(egs_lanes_done(lanes, post, 1, 0));
    assert_int_equal(begin(lanes, 16, 1), 1); /* known now: the connection that it has left */
    assert_int_equal(egs_lanes_held_back(lanes, 0), 19 * 8);
}

static void holds_failing_ones_back(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    egs_post *post, *released;
    apr_size_t busy;
    int count = 0;

    know(lanes, 99, *state);
    for (int id = 1; id <= 20; id++) {
        add(lanes, id, 2, 1, *state);
    }
    add(lanes, 99, EGS_LANE_ENOUGH, 0, *state);
    assert_int_equal(begin(lanes, 10, 99), 5); /* half of the connections are left to it */
    egs_lanes_busy(lanes, &busy, *state);
    assert_int_equal(busy, 21);

    lanes = egs_lanes_new(*state);
    add(lanes, 1, 12, 0, *state);
    for (int i = 1; i < EGS_LANE_FAILING; i++) {
        post = egs_lanes_next(lanes, 10, 0);
        assert_null(egs_lanes_done(lanes, post, 0, 0));
    }
    post = egs_lanes_next(lanes, 10, 0);
    for (released = egs_lanes_done(lanes, post, 0, 0); released != NULL; released = released->next) {
        count++;
    }
    assert_int_equal(count, 12 - EGS_LANE_FAILING);
    assert_int_equal(egs_lanes_held(lanes), 0);
    assert_null(egs_lanes_withdraw(lanes));
    add(lanes, 1, 2, 0, *state);
    assert_non_null(egs_lanes_withdraw(lanes));
    assert_int_equal(egs_lanes_held(lanes), 1);
}

/* Who answers well, but late, holds its connections for as long as one that fails. */
static void holds_slow_ones_back(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    egs_post *post;

    know(lanes, 3, *state);
    add(lanes, 1, 12, 0, *state);
    post = egs_lanes_next(lanes, 16, 0);
    assert_null(egs_lanes_done(lanes, post, 1, SLOW));
    assert_int_equal(begin_at(SLOW, lanes, 16, 1), EGS_LANE_MAX);
    add(lanes, 2, 2, 1, *state);
    assert_int_equal(begin_at(SLOW, lanes, 16, 2), 0); /* failing and slow ones share one half ... */
    add(lanes, 3, 20, 0, *state);
    assert_int_equal(begin_at(SLOW, lanes, 16, 3), 8); /* ... and the other one is left */
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 11 + 2);
    assert_int_equal(egs_lanes_held_back(lanes, SLOW + SLOW), 11 + 2 + 20);
}

/* It need not have answered: what has begun long ago tells enough. */
static void sees_who_is_slow(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    egs_post *first, *second;

    know(lanes, 1, *state);
    add(lanes, 1, 3, 0, *state);
    first = egs_lanes_next(lanes, 2, 0);
    second = egs_lanes_next(lanes, 3, EGS_LANE_SLOW);
    assert_int_equal(egs_lanes_held_back(lanes, EGS_LANE_SLOW), 0);
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 3);
    assert_null(egs_lanes_next(lanes, 4, SLOW));
    assert_null(egs_lanes_done(lanes, second, 1, SLOW)); /* quickly, but the first one still waits */
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 2);
    assert_null(egs_lanes_done(lanes, first, 1, SLOW));
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 1);
    first = egs_lanes_next(lanes, 4, SLOW);
    add(lanes, 1, 1, 0, *state);
    assert_null(egs_lanes_done(lanes, first, 1, SLOW)); /* in no time: slow no more */
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 0);
}

static int stands_among(const char *const *ids, apr_size_t count, const char *id)
{
    for (apr_size_t i = 0; i < count; i++) {
        if (strcmp(ids[i], id) == 0) {
            return 1;
        }
    }
    return 0;
}

static void add_one_slow(egs_lanes *lanes, int webhook_id, apr_pool_t *pool)
{
    egs_post *post;

    add(lanes, webhook_id, 1, 0, pool);
    post = egs_lanes_next(lanes, 1, 0);
    assert_null(egs_lanes_done(lanes, post, 1, SLOW));
}

/* One that has nothing in hand for a while is slow when it has something again. */
static void remembers_who_is_slow(void **state)
{
    egs_lanes *lanes = egs_lanes_new(*state);
    const char *const *ids;
    apr_size_t count;

    know(lanes, 3, *state);
    add_one_slow(lanes, 1, *state);
    assert_int_equal(egs_lanes_held(lanes), 0);
    ids = egs_lanes_all_but_quick(lanes, &count, SLOW, *state);
    assert_true(count == 1 && stands_among(ids, count, "1"));
    add(lanes, 1, 20, 0, *state);
    add(lanes, 2, 20, 1, *state);
    add(lanes, 3, 1, 0, *state);
    assert_int_equal(egs_lanes_held_back(lanes, SLOW), 40);
    ids = egs_lanes_all_but_quick(lanes, &count, SLOW, *state);
    assert_true(count == 2 && stands_among(ids, count, "1") && stands_among(ids, count, "2"));

    lanes = egs_lanes_new(*state);
    for (int id = 1; id <= EGS_LANES_REMEMBERED + 1; id++) {
        add_one_slow(lanes, id, *state);
    }
    ids = egs_lanes_all_but_quick(lanes, &count, SLOW, *state);
    assert_int_equal(count, EGS_LANES_REMEMBERED);
    assert_false(stands_among(ids, count, "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(signs),
        EG_TEST(tells_what_applies),
        EG_TEST(stays_under_20_kb),
        EG_TEST(signs_with_both_keys),
        EG_TEST(speaks_as_others_do),
        EG_TEST(tells_mailgun_all),
        EG_TEST(seals_as_mailgun_does),
        EG_TEST(tells_that_it_is_a_test),
        EG_TEST(others_stay_under_20_kb),
        EG_TEST(judges_each_status),
        EG_TEST(waits_by_schedule),
        EG_TEST(takes_turns),
        EG_TEST(keeps_to_connections),
        EG_TEST(tries_unknown_ones_first),
        EG_TEST(holds_failing_ones_back),
        EG_TEST(holds_slow_ones_back),
        EG_TEST(sees_who_is_slow),
        EG_TEST(remembers_who_is_slow),
    };

    return EG_TEST_RUN(tests);
}
