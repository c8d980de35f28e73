/* eg_hostname_*: RFC 1123 section 2.1, RFC 5890 to 5892, UTS 46, the public suffix list. */
#include <string.h>

#include "hostname.h"
#include "testpool.h"

#define A10 "aaaaaaaaaa"
#define A49 A10 A10 A10 A10 "aaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"

static const struct {
    const char *what, *text;
    const char *ascii; /* NULL where it is refused */
} cases[] = {
    { "plain", "example.com", "example.com" },
    { "upper case", "Mail.EXAMPLE.Com", "mail.example.com" },
    { "digits", "123.example", "123.example" },
    { "top level with digits", "a.x1", "a.x1" },
    { "hyphens at 3 and 4", "r3---sn.example.com", "r3---sn.example.com" },
    { "label of 63", A63 ".example", A63 ".example" },
    { "253 octets", A49 "." A49 "." A49 "." A49 "." A49 ".aaa", A49 "." A49 "." A49 "." A49 "." A49 ".aaa" },
    { "Unicode",
      "b\xC3\xBC"
      "cher.example",
      "xn--bcher-kva.example" },
    { "Unicode, upper case",
      "B\xC3\x9C"
      "CHER.example",
      "xn--bcher-kva.example" },
    { "Unicode, decomposed",
      "bu\xCC\x88"
      "cher.example",
      "xn--bcher-kva.example" },
    { "sharp s stays",
      "stra\xC3\x9F"
      "e.example",
      "xn--strae-oqa.example" },
    { "final sigma stays", "\xCE\xB2\xCF\x8C\xCE\xBB\xCE\xBF\xCF\x82.example", "xn--nxasmm1c.example" },
    { "A-label", "xn--bcher-kva.example", "xn--bcher-kva.example" },
    { "A-label, upper case", "XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example" },
    { "A-label as top level", "a.xn--jxalpdlp", "a.xn--jxalpdlp" },
    { "Unicode beside an A-label",
      "b\xC3\xBC"
      "cher.xn--bcher-kva.example",
      "xn--bcher-kva.xn--bcher-kva.example" },
    { "ideographic full stop", "\xE4\xBE\x8B\xE3\x81\x88\xE3\x80\x82\xE3\x83\x86\xE3\x82\xB9\xE3\x83\x88",
      "xn--r8jz45g.xn--zckzah" },
    { "full-width letters", "\xEF\xBD\x81.example", "a.example" },
    { "Hebrew", "\xD7\x99\xD7\xA9.example", "xn--eeb6a.example" },
    { "empty", "", NULL },
    { "dot", ".", NULL },
    { "one label", "com", NULL },
    { "localhost", "localhost", NULL },
    { "below localhost", "a.localhost", NULL },
    { "trailing dot", "example.com.", NULL },
    { "leading dot", ".example.com", NULL },
    { "two dots", "a..example", NULL },
    { "label of 64", A63 "a.example", NULL },
    { "254 octets", A49 "." A49 "." A49 "." A49 "." A49 ".aaaa", NULL },
    { "very long", A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 A63 ".com", NULL },
    { "hyphen first", "-a.example", NULL },
    { "hyphen last", "a-.example", NULL },
    { "hyphen last of all", "a.example-", NULL },
    { "underscore", "_dmarc.example.com", NULL },
    { "IPv4", "192.0.2.1", NULL },
    { "IPv4 of two parts", "127.1", NULL },
    { "number at the end", "example.123", NULL },
    { "hexadecimal number at the end", "1.0x7f", NULL },
    { "bare 0x at the end", "1.0x", NULL },
    { "full-width IPv4", "\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.\xEF\xBC\x91", NULL },
    { "address literal", "[192.0.2.1]", NULL },
    { "IPv6 literal", "[IPv6:2001:db8::1]", NULL },
    { "port", "example.com:25", NULL },
    { "space before", " example.com", NULL },
    { "space behind", "example.com ", NULL },
    { "line feed behind", "example.com\n", NULL },
    { "CR LF and a command", "example.com\r\nRCPT TO:<x@example.net>", NULL },
    { "angle bracket", "example.com>", NULL },
    { "slash", "example.com/a", NULL },
    { "at sign", "a@example.com", NULL },
    { "wildcard", "*.example.com", NULL },
    { "quote", "a'b.example", NULL },
    { "comment", "example.com(x)", NULL },
    { "slash from a Unicode character", "\xE2\x84\x80.example", NULL },
    { "right-to-left override",
      "a\xE2\x80\xAE"
      "b.example",
      NULL },
    { "U+2028",
      "a\xE2\x80\xA8"
      "b.example",
      NULL },
    { "U+0085",
      "a\xC2\x85"
      "b.example",
      NULL },
    { "U+3000",
      "a\xE3\x80\x80"
      "b.example",
      NULL },
    { "Unicode with an underscore",
      "_b\xC3\xBC"
      ".example",
      NULL },
    { "invalid UTF-8", "a\xFF.example", NULL },
    { "surrogate", "a\xED\xA0\x80.example", NULL },
    { "combining mark first",
      "\xCC\x88"
      "a.example",
      NULL },
    { "mixed directions",
      "\xD7\x90"
      "a.example",
      NULL },
    { "A-label of nothing", "xn--.example", NULL },
    { "A-label of ASCII", "xn--abc-.example", NULL },
    { "A-label of an upper-case letter", "xn--bcher-2pa.example", NULL },
    { "A-label that overflows", "xn--zzzzzzzz99999.example", NULL },
    { "A-label of a decomposed letter", "xn--bucher-xyd.example", NULL },
    { "A-label with hyphen last", "xn--a-.example", NULL },
};

static void parses_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *ascii = NULL;
        apr_status_t rv = eg_hostname_parse(&ascii, cases[i].text, *state);

        print_message("# %s: %s\n", cases[i].what, ascii != NULL ? ascii : "-");
        assert_int_equal(rv, cases[i].ascii != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(ascii, cases[i].ascii);
        }
        else {
            assert_null(ascii);
        }
    }
}

static void knows_what_is_below_a_domain(void **state)
{
    static const struct {
        const char *name, *domain;
        int within;
    } pairs[] = {
        { "example.com", "example.com", 1 },
        { "a.example.com", "example.com", 1 },
        { "a.b.example.com", "example.com", 1 },
        { "example.com", "a.example.com", 0 },
        { "badexample.com", "example.com", 0 },
        { "example.com.evil.test", "example.com", 0 },
        { "example.org", "example.com", 0 },
        { "com", "example.com", 0 },
        { "", "example.com", 0 },
        { "example.com", "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        print_message("# %s in %s\n", pairs[i].name, pairs[i].domain);
        assert_int_equal(eg_hostname_within(pairs[i].name, pairs[i].domain), pairs[i].within);
    }
}

static void knows_public_suffixes(void **state)
{
    static const struct {
        const char *name;
        int suffix;
    } names[] = {
        { "com", 1 },
        { "co.uk", 1 },
        { "example.co.uk", 0 },
        { "example.com", 0 },
        { "xn--55qx5d.cn", 1 },
        /* a suffix in Chinese */ { "example.test", 0 },
        { "kawasaki.jp", 1 },
        { "a.kawasaki.jp", 1 },
        /* *.kawasaki.jp */ { "city.kawasaki.jp", 0 }, /* but not this */
        { "github.io", 0 },                            /* private section */
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        print_message("# %s\n", names[i].name);
        assert_int_equal(eg_hostname_is_public_suffix(names[i].name), names[i].suffix);
    }
}

static void shows_it_as_people_write_it(void **state)
{
    assert_string_equal(eg_hostname_unicode("xn--bcher-kva.example", *state), "b\xc3\xbc"
                                                                              "cher.example");
    assert_string_equal(eg_hostname_unicode("example.org", *state), "example.org");
    assert_string_equal(eg_hostname_unicode("xn--999999999.example", *state), "xn--999999999.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(parses_or_refuses),
        EG_TEST(shows_it_as_people_write_it),
        EG_TEST(knows_what_is_below_a_domain),
        EG_TEST(knows_public_suffixes),
    };

    return EG_TEST_RUN(tests);
}
