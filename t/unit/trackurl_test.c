/* eg_trackurl_*: what tracked links may begin with. */
#include "testpool.h"

#include <string.h>

#include "trackurl.h"

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *what, *text;
    const char *url, *host; /* NULL where it is refused */
} cases[] = {
    { "plain", "https://links.example.net", "https://links.example.net", "links.example.net" },
    { "slashes at the end", "https://links.example.net//", "https://links.example.net", "links.example.net" },
    { "a path", "http://example.net/e/x/", "http://example.net/e/x", "example.net" },
    { "upper case", "https://Links.Example.NET/E", "https://links.example.net/E", "links.example.net" },
    { "a port", "https://links.example.net:8443", "https://links.example.net:8443", "links.example.net" },
    { "an address, for trying it out", "http://127.0.0.1:8080/", "http://127.0.0.1:8080", "127.0.0.1" },
    { "IPv6", "http://[::1]:8080", "http://[::1]:8080", "::1" },
    { "255 bytes", "https://example.net/" A50 A50 A50 A50 "12345678901234567890123456789012345",
      "https://example.net/" A50 A50 A50 A50 "12345678901234567890123456789012345", "example.net" },
    { "256 bytes", "https://example.net/" A50 A50 A50 A50 "123456789012345678901234567890123456", NULL,
      NULL },
    { "empty", "", NULL, NULL },
    { "slash", "/", NULL, NULL },
    { "no scheme", "links.example.net", NULL, NULL },
    { "a relative one", "//links.example.net", NULL, NULL },
    { "another scheme", "ftp://links.example.net", NULL, NULL },
    { "a script", "javascript:alert(1)", NULL, NULL },
    { "a scheme in upper case", "HTTPS://links.example.net", NULL, NULL },
    { "no host", "https://", NULL, NULL },
    { "no host, a path", "https:///x", NULL, NULL },
    { "no host, a port", "https://:80", NULL, NULL },
    { "port 0", "https://links.example.net:0", NULL, NULL },
    { "port too high", "https://links.example.net:65536", NULL, NULL },
    { "no number as port", "https://links.example.net:x", NULL, NULL },
    { "a user", "https://ann@links.example.net", NULL, NULL },
    { "a query", "https://links.example.net/?a=b", NULL, NULL },
    { "a fragment", "https://links.example.net/#a", NULL, NULL },
    { "a quote", "https://links.example.net/'", NULL, NULL },
    { "a double quote", "https://links.example.net/\"", NULL, NULL },
    { "an angle bracket", "https://links.example.net/<", NULL, NULL },
    { "a blank", "https://links.example.net/ x", NULL, NULL },
    { "a line feed", "https://links.example.net/\n", NULL, NULL },
    { "UTF-8",
      "https://b\xC3\xBC"
      "cher.example",
      NULL, NULL },
};

static void parses_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *url = NULL;
        apr_status_t rv = eg_trackurl_parse(&url, cases[i].text, *state);

        print_message("# %s: %s\n", cases[i].what, url != NULL ? url : "-");
        assert_int_equal(rv, cases[i].url != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(url, cases[i].url);
            assert_string_equal(eg_trackurl_host(url, *state), cases[i].host);
        }
        else {
            assert_null(url);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(parses_or_refuses),
    };

    return EG_TEST_RUN(tests);
}
