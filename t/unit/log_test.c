/* eg_log_at: one call, one line, whatever the values hold. */
#include <string.h>

#include "log.h"
#include "testpool.h"
#include "utf8.h"

/* What the host was given last. */
typedef struct {
    int count;
    eg_log_level level;
    apr_status_t rv;
    char line[8192];
} written;

static void keep(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    written *last = log->baton;

    last->count++;
    last->level = level;
    last->rv = rv;
    strncpy(last->line, line, sizeof last->line - 1);
}

static const struct {
    const char *what, *value, *line;
} cases[] = {
    { "plain", "hello", "EG0001: hello" },
    { "empty", "", "EG0001: " },
    { "percent", "100%s", "EG0001: 100%s" },
    { "backslash", "a\\b", "EG0001: a\\b" },
    { "UTF-8", "J\xC3\xB6rg \xF0\x9F\x98\x80", "EG0001: J\xC3\xB6rg \xF0\x9F\x98\x80" },
    { "forged line", "x\nEG0002: y", "EG0001: x\\x0aEG0002: y" },
    { "CR LF", "x\r\ny", "EG0001: x\\x0d\\x0ay" },
    { "tab", "x\ty", "EG0001: x\\x09y" },
    { "escape sequence", "\x1b[31m", "EG0001: \\x1b[31m" },
    { "DEL", "\x7f", "EG0001: \\x7f" },
    { "U+0085",
      "a\xC2\x85"
      "b",
      "EG0001: a\\xc2\\x85b" },
    { "C1", "\xC2\x9B", "EG0001: \\xc2\\x9b" },
    { "U+2028",
      "a\xE2\x80\xA8"
      "b",
      "EG0001: a\\xe2\\x80\\xa8b" },
    { "U+2029",
      "a\xE2\x80\xA9"
      "b",
      "EG0001: a\\xe2\\x80\\xa9b" },
    { "right-to-left override",
      "a\xE2\x80\xAE"
      "b",
      "EG0001: a\\xe2\\x80\\xaeb" },
    { "Latin-1", "J\xF6rg", "EG0001: J\\xf6rg" },
    { "overlong line feed",
      "a\xC0\x8A"
      "b",
      "EG0001: a\\xc0\\x8ab" },
    { "cut character", "a\xE2\x80", "EG0001: a\\xe2\\x80" },
};

static void escapes_what_could_end_a_line(void **state)
{
    written last = { 0 };
    eg_log log = { keep, EG_LOG_DEBUG, &last };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].what);
        eg_log_at(&log, EG_LOG_WARN, APR_EACCES, EGLOGNO(0001) "%s", cases[i].value);
        assert_string_equal(last.line, cases[i].line);
    }
    assert_int_equal(last.count, sizeof cases / sizeof *cases);
    assert_int_equal(last.level, EG_LOG_WARN);
    assert_int_equal(last.rv, APR_EACCES);
}

static void makes_only_lines_of_its_level(void **state)
{
    written last = { 0 };
    eg_log log = { keep, EG_LOG_WARN, &last };

    (void)state;
    eg_log_at(&log, EG_LOG_DEBUG, APR_SUCCESS, "debug");
    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, "info");
    assert_int_equal(last.count, 0);
    eg_log_at(&log, EG_LOG_WARN, APR_SUCCESS, "warn");
    eg_log_at(&log, EG_LOG_ERR, APR_SUCCESS, "err %d", 7);
    assert_int_equal(last.count, 2);
    assert_string_equal(last.line, "err 7");
    eg_log_at(NULL, EG_LOG_ERR, APR_SUCCESS, "nowhere");
}

static void cuts_long_lines_between_characters(void **state)
{
    static char text[9001];
    written last = { 0 };
    eg_log log = { keep, EG_LOG_DEBUG, &last };

    (void)state;
    memset(text, 'x', sizeof text - 1);
    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, "%s", text);
    assert_int_equal(strlen(last.line), 4000);
    for (size_t i = 0; i < sizeof text - 1; i += 3) {
        memcpy(text + i, "\xE2\x82\xAC", 3);
    }
    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, "%s", text);
    assert_int_equal(strlen(last.line), 3999);
    assert_true(eg_utf8_valid(last.line, strlen(last.line)));
    memset(text, '\n', sizeof text - 1);
    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, "%s", text);
    assert_int_equal(strlen(last.line), 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(escapes_what_could_end_a_line),
        EG_TEST(makes_only_lines_of_its_level),
        EG_TEST(cuts_long_lines_between_characters),
    };

    return EG_TEST_RUN(tests);
}
