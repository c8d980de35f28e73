/* eg_smtp_message_read to eg_smtp_message_make: what of a message handed in is refused, and in which words. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "smtp_message.h"

static const struct {
    const char *what, *message, *reply; /* "code enhanced", and words of its text; NULL: it is taken */
} cases[] = {
    { "a plain one", "From: a@mine.example\r\n\r\nx\r\n", NULL },
    { "an encoding with bytes over 127",
      "From: a@mine.example\r\nContent-Transfer-Encoding: 7bit (\xc3\xa9)\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Transfer-Encoding has" },
};

static void start(eg_smtp_message *m, eg_call *call, apr_pool_t *pool)
{
    static const eg_limits limits = { .submission_host = "mx.example.com" };
    static const eg_smtp_login login = { 1, 1, { 0 } };
    eg_smtp_envelope *envelope = apr_pcalloc(pool, sizeof *envelope);

    envelope->sender = "";
    envelope->recipients = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(envelope->recipients, const char *) = "ann@example.org";
    *call = (eg_call){ .limits = &limits, .now = apr_time_from_sec(1800000000), .pool = pool };
    *m = (eg_smtp_message){ .call = call,
                            .envelope = envelope,
                            .login = &login,
                            .message_id = "01980000-0000-7000-8000-000000000001" };
}

/* @return the reply, or NULL when it is taken */
static const char *hand_in(const char *message, apr_pool_t *pool)
{
    eg_smtp_message m;
    eg_call call;

    start(&m, &call, pool);
    if (eg_smtp_message_read(&m, (eg_bytes){ message, strlen(message) }) && eg_smtp_message_addresses(&m) &&
        eg_smtp_message_options(&m) && eg_smtp_message_make(&m)) {
        return NULL;
    }
    return apr_psprintf(pool, "%d %s %s", m.reply.code, m.reply.enhanced, m.reply.text);
}

static void takes_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *reply = hand_in(cases[i].message, *state);

        print_message("# %s: %s\n", cases[i].what, reply != NULL ? reply : "taken");
        assert_int_equal(reply == NULL, cases[i].reply == NULL);
        if (reply != NULL) {
            assert_memory_equal(reply, cases[i].reply, strlen(cases[i].reply));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(takes_or_refuses) };

    return EG_TEST_RUN(tests);
}
