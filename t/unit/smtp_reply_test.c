/* egs_reply_read: RFC 5321 section 4.2, RFC 3463, and whatever else a server may send. */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>

#include "smtp_reply.h"
#include "utf8.h"

static const struct {
    const char *what, *bytes;
    egs_reply_state state;
    int code;
    const char *enhanced, *text;
} cases[] = {
    { "one line", "250 2.0.0 ok\r\n", EGS_REPLY_DONE, 250, "2.0.0", "ok" },
    { "no text", "250\r\n", EGS_REPLY_DONE, 250, "", "" },
    { "a blank, no text", "250 \r\n", EGS_REPLY_DONE, 250, "", "" },
    { "bare LF", "250 ok\n", EGS_REPLY_DONE, 250, "", "ok" },
    { "several lines", "550-5.1.1 no such\r\n550-5.1.1 user\r\n550 5.1.1 here\r\n", EGS_REPLY_DONE, 550,
      "5.1.1", "no such user here" },
    { "several without text", "250-\r\n250-\r\n250\r\n", EGS_REPLY_DONE, 250, "", "" },
    { "unknown codes", "299 a\r\n", EGS_REPLY_DONE, 299, "", "a" },
    { "unknown codes", "499 a\r\n", EGS_REPLY_DONE, 499, "", "a" },
    { "unknown codes", "599 a\r\n", EGS_REPLY_DONE, 599, "", "a" },
    { "the last line counts", "250-2.0.0 a\r\n550 5.0.0 b\r\n", EGS_REPLY_DONE, 550, "5.0.0", "a b" },
    { "enhanced of another class", "450 5.1.1 x\r\n", EGS_REPLY_DONE, 450, "", "5.1.1 x" },
    { "longest enhanced", "550 5.123.123 x\r\n", EGS_REPLY_DONE, 550, "5.123.123", "x" },
    { "too long for one", "550 5.1234.1 x\r\n", EGS_REPLY_DONE, 550, "", "5.1234.1 x" },
    { "no end behind it", "550 5.1.1x\r\n", EGS_REPLY_DONE, 550, "", "5.1.1x" },
    { "two parts", "550 5.1 x\r\n", EGS_REPLY_DONE, 550, "", "5.1 x" },
    { "enhanced alone", "250 2.1.5\r\n", EGS_REPLY_DONE, 250, "2.1.5", "" },
    { "8-bit", "550 caf\xE9\r\n", EGS_REPLY_DONE, 550, "", "caf\\xe9" },
    { "UTF-8", "550 caf\xC3\xA9\r\n", EGS_REPLY_DONE, 550, "", "caf\xC3\xA9" },
    { "escape sequences", "550 \x1B[31mred\r\n", EGS_REPLY_DONE, 550, "", "\\x1b[31mred" },
    { "CR inside", "550 a\rb\r\n", EGS_REPLY_DONE, 550, "", "a\\x0db" },
    { "not yet all", "250-a\r\n250", EGS_REPLY_MORE, 0, NULL, NULL },
    { "nothing", "", EGS_REPLY_MORE, 0, NULL, NULL },
    { "empty line", "\r\n", EGS_REPLY_GARBAGE, 0, "", "" },
    { "code too low", "150 x\r\n", EGS_REPLY_GARBAGE, 0, "", "150 x" },
    { "code too high", "600 x\r\n", EGS_REPLY_GARBAGE, 0, "", "600 x" },
    { "two digits", "25 x\r\n", EGS_REPLY_GARBAGE, 0, "", "25 x" },
    { "four digits", "2500 x\r\n", EGS_REPLY_GARBAGE, 0, "", "2500 x" },
    { "no digits", "HTTP/1.1 200\r\n", EGS_REPLY_GARBAGE, 0, "", "HTTP/1.1 200" },
    { "garbage in the second line", "250-a\r\nb\r\n", EGS_REPLY_GARBAGE, 0, "", "a b" },
};

static egs_reply_state read_in_steps(egs_reply_reader *reader, const char *bytes, size_t step)
{
    size_t length = strlen(bytes), at = 0;
    egs_reply_state state = EGS_REPLY_MORE;

    egs_reply_start(reader);
    while (at < length && state == EGS_REPLY_MORE) {
        apr_size_t used = 0, size = length - at < step ? length - at : step;

        state = egs_reply_read(reader, &used, bytes + at, size);
        assert_true(used > 0 && used <= size);
        at += used;
    }
    return state;
}

static void reads_replies(void **state)
{
    static const size_t steps[] = { 1, 3, 1000 };
    egs_reply_reader reader;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].what);
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            assert_int_equal(read_in_steps(&reader, cases[i].bytes, steps[j]), cases[i].state);
            if (cases[i].state != EGS_REPLY_MORE) {
                assert_int_equal(reader.reply.code, cases[i].code);
                assert_string_equal(reader.reply.enhanced, cases[i].enhanced);
                assert_string_equal(reader.reply.text, cases[i].text);
            }
        }
    }
}

static void takes_one_reply_at_a_time(void **state)
{
    static const char bytes[] = "250 one\r\n354 two\r\n";
    egs_reply_reader reader;
    apr_size_t used = 0;

    (void)state;
    egs_reply_start(&reader);
    assert_int_equal(egs_reply_read(&reader, &used, bytes, strlen(bytes)), EGS_REPLY_DONE);
    assert_int_equal(used, 9);
    assert_int_equal(reader.reply.code, 250);
}

static void endless(const char *piece, egs_reply_reader *reader)
{
    egs_reply_state state = EGS_REPLY_MORE;
    size_t size = 0;

    egs_reply_start(reader);
    while (state == EGS_REPLY_MORE) {
        apr_size_t used = 0;

        state = egs_reply_read(reader, &used, piece, strlen(piece));
        size += used;
        assert_true(size <= EGS_REPLY_SIZE_MAX + 1);
    }
    assert_int_equal(state, EGS_REPLY_GARBAGE);
    assert_true(strlen(reader->reply.text) <= EGS_REPLY_TEXT_MAX);
}

static void has_bounds(void **state)
{
    egs_reply_reader reader;

    (void)state;
    endless("x", &reader);
    endless("250-and so on\r\n", &reader);
    endless("\x1B", &reader);
}

static void cuts_long_text(void **state)
{
    char bytes[2100];
    egs_reply_reader reader;

    (void)state;
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "550 ", 4);
    memcpy(bytes + sizeof bytes - 3, "\r\n", 3);
    assert_int_equal(read_in_steps(&reader, bytes, 7), EGS_REPLY_DONE);
    assert_int_equal(strlen(reader.reply.text), EGS_REPLY_TEXT_MAX);
    /* a character of two bytes is not cut in half */
    for (size_t i = 5; i + 3 < sizeof bytes; i += 2) {
        memcpy(bytes + i, "\xC3\xA9", 2);
    }
    assert_int_equal(read_in_steps(&reader, bytes, 7), EGS_REPLY_DONE);
    assert_true(eg_utf8_valid(reader.reply.text, strlen(reader.reply.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_replies),
        EG_TEST(takes_one_reply_at_a_time),
        EG_TEST(has_bounds),
        EG_TEST(cuts_long_text),
    };

    return EG_TEST_RUN(tests);
}
