/* egs_transfer_*: RFC 2045 section 6, RFC 2046 section 4.1.1. */
#include "testpool.h"

#include <apr_strings.h>
#include <string.h>

#include "transfer.h"

static const struct {
    const char *what, *text;
    egs_transfer transfer;
} cases[] = {
    { "empty", "", EGS_7BIT },
    { "ASCII", "Hello\nthere\r\n", EGS_7BIT },
    { "controls but for DEL", "a\tb\x01\f\n", EGS_7BIT },
    { "a little UTF-8", "Caf\xc3\xa9 at noon, as always, in the usual place\n", EGS_QUOTED_PRINTABLE },
    { "much UTF-8", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\n", EGS_BASE64 },
    { "as little in a line that ends with CRLF", "Caf\xc3\xa9 x y\r\n", EGS_QUOTED_PRINTABLE },
    { "DEL", "only one \x7f in a longer line\n", EGS_QUOTED_PRINTABLE },
    { "a CR that ends no line", "a\rb\n", EGS_BASE64 },
    { "a CR at the end", "a\r", EGS_BASE64 },
    { "a CR before a line end", "a\r\r\n", EGS_BASE64 },
};

static void the_shortest_that_keeps_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].what);
        assert_int_equal(egs_transfer_choose(cases[i].text), cases[i].transfer);
    }
}

static void lines_of_998_at_most(void **state)
{
    char text[1002];

    (void)state;
    memset(text, 'x', sizeof text);
    strcpy(text + 998, "\r\n");
    assert_int_equal(egs_transfer_choose(text), EGS_7BIT);
    memset(text, 'x', sizeof text);
    strcpy(text + 999, "\n");
    assert_int_equal(egs_transfer_choose(text), EGS_QUOTED_PRINTABLE);
}

static const struct {
    const char *text;
    egs_transfer transfer;
    const char *lines;
} ends[] = {
    { "", EGS_7BIT, "" },
    { "a\r\nb\nc", EGS_7BIT, "a\nb\nc" },
    { "a\r\nb\nc\r\n", EGS_QUOTED_PRINTABLE, "a\nb\nc\n" },
    { "a\r\nb\nc\n", EGS_BASE64, "a\r\nb\r\nc\r\n" },
    { "a\r\r\nb\rc", EGS_BASE64, "a\r\r\nb\rc" },
    { "\n\n", EGS_BASE64, "\r\n\r\n" },
};

static void line_ends_of_one_kind(void **state)
{
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        eg_bytes lines = egs_transfer_lines(ends[i].text, ends[i].transfer, *state);

        assert_int_equal(lines.size, strlen(ends[i].lines));
        assert_string_equal(lines.data, ends[i].lines);
    }
}

static void crlf_on_the_wire(void **state)
{
    static const char *const wires[][2] = {
        { "", "" },         { "a", "a" },         { "\n", "\r\n" },
        { "\r\n", "\r\n" }, { "a\nb", "a\r\nb" }, { "a\r\n\nb\n", "a\r\n\r\nb\r\n" },
    };

    for (size_t i = 0; i < sizeof wires / sizeof *wires; i++) {
        egs_text wire;

        egs_text_init(&wire, 0, *state);
        egs_transfer_wire(&wire, wires[i][0]);
        assert_string_equal(wire.data, wires[i][1]);
    }
}

/* Wherever it stands, and whatever stands around it. */
static void one_byte_decides(void **state)
{
    char text[300];

    (void)state;
    for (size_t length = 1; length < sizeof text; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        assert_int_equal(egs_transfer_choose(text), EGS_7BIT);
        for (size_t i = 0; i < length; i += 7) {
            text[i] = '\x7f';
            assert_int_not_equal(egs_transfer_choose(text), EGS_7BIT);
            text[i] = '\r';
            assert_int_equal(egs_transfer_choose(text), EGS_BASE64);
            text[i] = 'x';
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(the_shortest_that_keeps_it), EG_TEST(lines_of_998_at_most), EG_TEST(line_ends_of_one_kind),
        EG_TEST(crlf_on_the_wire),           EG_TEST(one_byte_decides),
    };

    return EG_TEST_RUN(tests);
}
