/* eg_utf8_*: RFC 3629 and what may be shown of untrusted text. */
#include <string.h>

#include "testpool.h"
#include "utf8.h"

static const struct {
    const char *what, *text;
    apr_size_t length; /* of the first character, 0 for none */
    apr_uint32_t code;
} cases[] = {
    { "nothing", "", 0, 0 },
    { "letter", "a", 1, 'a' },
    { "DEL", "\x7f", 1, 0x7F },
    { "first of two bytes", "\xC2\x80", 2, 0x80 },
    { "last of two bytes", "\xDF\xBF", 2, 0x7FF },
    { "first of three bytes", "\xE0\xA0\x80", 3, 0x800 },
    { "last of three bytes", "\xEF\xBF\xBF", 3, 0xFFFF },
    { "first of four bytes", "\xF0\x90\x80\x80", 4, 0x10000 },
    { "last of all", "\xF4\x8F\xBF\xBF", 4, 0x10FFFF },
    { "one too far", "\xF4\x90\x80\x80", 0, 0 },
    { "five bytes", "\xF8\x88\x80\x80\x80", 0, 0 },
    { "FF", "\xFF", 0, 0 },
    { "continuation alone", "\x80", 0, 0 },
    { "overlong slash, two bytes", "\xC0\xAF", 0, 0 },
    { "overlong, C1", "\xC1\xBF", 0, 0 },
    { "overlong slash, three bytes", "\xE0\x80\xAF", 0, 0 },
    { "overlong, four bytes", "\xF0\x8F\xBF\xBF", 0, 0 },
    { "before the surrogates", "\xED\x9F\xBF", 3, 0xD7FF },
    { "first surrogate", "\xED\xA0\x80", 0, 0 },
    { "last surrogate", "\xED\xBF\xBF", 0, 0 },
    { "behind the surrogates", "\xEE\x80\x80", 3, 0xE000 },
    { "cut after one of two", "\xC3", 0, 0 },
    { "cut after two of three", "\xE2\x82", 0, 0 },
    { "cut after three of four", "\xF0\x9F\x98", 0, 0 },
    { "second byte is a letter",
      "\xC3"
      "a",
      0, 0 },
    { "third byte is a lead", "\xE2\x82\xC3", 0, 0 },
};

static void reads_one_character(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apr_uint32_t code = 0;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_utf8_next(&code, cases[i].text, strlen(cases[i].text)), cases[i].length);
        assert_int_equal(code, cases[i].code);
        assert_int_equal(eg_utf8_valid(cases[i].text, strlen(cases[i].text)),
                         cases[i].length > 0 || *cases[i].text == '\0');
    }
}

static void knows_controls(void **state)
{
    static const apr_uint32_t controls[] = { 0,      '\t',   '\n',   '\r',   0x1F,   0x7F,
                                             0x80,   0x85,   0x9F,   0x61C,  0x200E, 0x200F,
                                             0x2028, 0x2029, 0x202A, 0x202E, 0x2066, 0x2069 };
    static const apr_uint32_t others[] = { ' ',    '~',    0xA0,   0xE9,    0x200D,
                                           0x202F, 0x206A, 0x3000, 0x1F600, 0x10FFFF };

    (void)state;
    for (size_t i = 0; i < sizeof controls / sizeof *controls; i++) {
        assert_true(eg_utf8_is_control(controls[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(eg_utf8_is_control(others[i]));
    }
}

static void knows_a_line(void **state)
{
    (void)state;
    assert_true(eg_utf8_is_line(""));
    assert_true(eg_utf8_is_line("caf\xC3\xA9 \xE2\x82\xAC"));
    assert_false(eg_utf8_is_line("two\nlines"));
    assert_false(eg_utf8_is_line("end\xC2\x85"));
    assert_false(eg_utf8_is_line("turned \xE2\x80\xAE"));
    assert_false(eg_utf8_is_line("caf\xC3"));
    assert_false(eg_utf8_is_line("\xFF"));
}

static void escapes_as_much_as_fits(void **state)
{
    char out[9];

    (void)state;
    assert_int_equal(eg_utf8_escape(out, sizeof out, "ab\r\n", 4), 3);
    assert_string_equal(out, "ab\\x0d");
    assert_int_equal(eg_utf8_escape(out, sizeof out, "\xFF\xC2\x85z", 4),
                     1); /* both bytes of U+0085 or none */
    assert_string_equal(out, "\\xff");
    assert_int_equal(eg_utf8_escape(out, sizeof out, "1234567\xC3\xA9", 9), 7);
    assert_string_equal(out, "1234567");
    assert_int_equal(eg_utf8_escape(out, sizeof out, "123456\xC3\xA9", 8), 8);
    assert_string_equal(out, "123456\xC3\xA9");
    assert_int_equal(eg_utf8_escape(out, 1, "x", 1), 0);
    assert_string_equal(out, "");
}

static void quotes_an_excerpt(void **state)
{
    char text[200];
    const char *shown;

    memset(text, 'x', sizeof text);
    assert_string_equal(eg_utf8_excerpt("a\nb", 3, *state), "a\\x0ab");
    shown = eg_utf8_excerpt(text, 64, *state);
    assert_int_equal(strlen(shown), 64);
    shown = eg_utf8_excerpt(text, 65, *state);
    assert_int_equal(strlen(shown), 67);
    assert_string_equal(shown + 64, "...");
    memcpy(text + 63, "\xC3\xA9", 2); /* across the cut */
    shown = eg_utf8_excerpt(text, sizeof text, *state);
    assert_int_equal(strlen(shown), 66);
    assert_string_equal(shown + 63, "...");
    memset(text, 0x80, sizeof text); /* nothing to cut at: still bounded */
    assert_true(strlen(eg_utf8_excerpt(text, sizeof text, *state)) <= 64 * 4 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_one_character),     EG_TEST(knows_controls),    EG_TEST(knows_a_line),
        EG_TEST(escapes_as_much_as_fits), EG_TEST(quotes_an_excerpt),
    };

    return EG_TEST_RUN(tests);
}
