/* eg_trackevent_*: a line of the spool and back; what is none. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "trackevent.h"

#define EVENT "01a22708-74b0-7d72-8e00-42c1639c51e5"
#define MESSAGE "0198c2f4-5b1e-7c3a-9d2e-0123456789ab"

static void comes_back_as_it_was(void **state)
{
    const char *detail = eg_trackevent_detail("2001:db8::1", "A\"\\\n\xe2\x82\xac\x01",
                                              "https://shop.example/\"\\\xc3\xbc", *state);
    const eg_trackevent events[] = {
        { EVENT, { 65, MESSAGE, 2 }, EG_EVENT_CLICK, 1700000000123456, 1, detail },
        { EVENT, { EG_ID_MAX, MESSAGE, 32767 }, EG_EVENT_OPEN, 0, 0, "{}" },
        { EVENT, { 1, MESSAGE, 0 }, EG_EVENT_UNSUBSCRIBE, 1, 0, "{\"ip\":\"\"}" },
    };

    assert_string_equal(detail, "{\"ip\":\"2001:db8::1\",\"ua\":\"A\\\"\\\\\xe2\x82\xac\","
                                "\"url\":\"https://shop.example/\\\"\\\\\xc3\xbc\"}");
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        const char *line = eg_trackevent_line(&events[i], *state);
        eg_trackevent parsed;

        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_int_equal(eg_trackevent_parse(&parsed, line, strlen(line) - 1, *state), APR_SUCCESS);
        assert_string_equal(parsed.event_id, events[i].event_id);
        assert_true(parsed.mail.account_id == events[i].mail.account_id);
        assert_string_equal(parsed.mail.message_id, events[i].mail.message_id);
        assert_int_equal(parsed.mail.recipient_no, events[i].mail.recipient_no);
        assert_int_equal(parsed.type, events[i].type);
        assert_true(parsed.at == events[i].at);
        assert_int_equal(parsed.machine, events[i].machine);
        assert_string_equal(parsed.detail, events[i].detail);
    }
}

#define LINE(event, account, message, recipient, type, at, machine, detail)                                  \
    "{\"event\":" event ",\"account\":" account ",\"message\":" message ",\"recipient\":" recipient          \
    ",\"type\":" type ",\"at\":" at ",\"machine\":" machine ",\"detail\":" detail "}"
#define E "\"" EVENT "\""
#define M "\"" MESSAGE "\""

static const struct {
    const char *what, *line;
    apr_status_t rv;
} cases[] = {
    { "good", LINE(E, "1", M, "1", "\"click\"", "1", "false", "\"{}\""), APR_SUCCESS },
    { "no uuid", LINE("\"x\"", "1", M, "1", "\"click\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "no message", LINE(E, "1", "\"x\"", "1", "\"click\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "account 0", LINE(E, "0", M, "1", "\"click\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "account too high", LINE(E, "9007199254740992", M, "1", "\"click\"", "1", "false", "\"{}\""),
      APR_EINVAL },
    { "recipient below 0", LINE(E, "1", M, "-1", "\"click\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "recipient too high", LINE(E, "1", M, "32768", "\"click\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "another type", LINE(E, "1", M, "1", "\"bounce\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "no type", LINE(E, "1", M, "1", "\"x\"", "1", "false", "\"{}\""), APR_EINVAL },
    { "before 1970", LINE(E, "1", M, "1", "\"click\"", "-1", "false", "\"{}\""), APR_EINVAL },
    { "after 9999", LINE(E, "1", M, "1", "\"click\"", "253402300800000000", "false", "\"{}\""), APR_EINVAL },
    { "a number for machine", LINE(E, "1", M, "1", "\"click\"", "1", "0", "\"{}\""), APR_EINVAL },
    { "detail is no object", LINE(E, "1", M, "1", "\"click\"", "1", "false", "\"[]\""), APR_EINVAL },
    { "detail is no JSON", LINE(E, "1", M, "1", "\"click\"", "1", "false", "\"{\""), APR_EINVAL },
    { "detail with a NUL",
      LINE(E, "1", M, "1", "\"click\"", "1", "false", "\"{\\\"a\\\":\\\"\\\\u0000\\\"}\""), APR_EINVAL },
    { "something is missing", "{\"event\":" E "}", APR_EINVAL },
    { "no object", "[]", APR_EINVAL },
    { "cut", "{\"event\":", APR_EINVAL },
    { "empty", "", APR_EINVAL },
};

static void takes_what_it_made(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_trackevent parsed;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_trackevent_parse(&parsed, cases[i].line, strlen(cases[i].line), *state),
                         cases[i].rv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(comes_back_as_it_was),
        EG_TEST(takes_what_it_made),
    };

    return EG_TEST_RUN(tests);
}
