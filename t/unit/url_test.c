/* eg_url_parse: what may be fetched from here, and every way round that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "netaddr.h"
#include "testpool.h"
#include "url.h"

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A500 A50 A50 A50 A50 A50 A50 A50 A50 A50 A50

static const struct {
    const char *text;
    const char *url; /* NULL where it is refused */
} cases[] = {
    { "https://yourdomain.com/webhook", "https://yourdomain.com/webhook" },
    { "HTTP://Example.COM", "http://example.com" },
    { "http://example.com:8080/a/../b?c=d&e=%20f", "http://example.com:8080/a/../b?c=d&e=%20f" },
    { "https://example.com?x", "https://example.com?x" },
    { "https://b\xC3\xBC"
      "cher.example/",
      "https://xn--bcher-kva.example/" },
    { "http://8.8.8.8/", "http://8.8.8.8/" },
    { "http://[2606:4700::1111]:443/", "http://[2606:4700::1111]:443/" },
    { "http://127.0.0.1:8081/", "http://127.0.0.1:8081/" }, /* in the list */
    { "http://example.com:65535/", "http://example.com:65535/" },
    { "http://example.com:443/@user", "http://example.com:443/@user" },
    { "", NULL },
    { "example.com", NULL },
    { "//example.com/", NULL },
    { "http:/example.com/", NULL },
    { "http:example.com/", NULL },
    { "http:///example.com/", NULL },
    { "http://", NULL },
    { "http://:80/", NULL },
    { "ftp://example.com/", NULL },
    { "file:///etc/passwd", NULL },
    { "gopher://example.com/", NULL },
    { "javascript:alert(1)", NULL },
    { "httpsx://example.com/", NULL },
    { "http://127.0.0.1:8082/", NULL },
    { "http://127.0.0.1/", NULL },
    { "http://127.1/", NULL },
    { "http://0/", NULL },
    { "http://0x7f.1/", NULL },
    { "http://0x7f000001/", NULL },
    { "http://0177.0.0.1/", NULL },
    { "http://2130706433/", NULL },
    { "http://017700000001/", NULL },
    { "http://127.0.0.1./", NULL },
    { "http://8.8.8.8./", NULL },
    { "http://8.8.2056/", NULL },
    { "http://08.8.8.8/", NULL },
    { "http://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA6.\xE2\x93\xAA.\xE2\x93\xAA.\xE2\x91\xA0/", NULL },
    { "http://\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97\xE3\x80\x82\xEF\xBC\x91/", NULL },
    { "http://[::1]/", NULL },
    { "http://[::]/", NULL },
    { "http://[::ffff:127.0.0.1]/", NULL },
    { "http://[::ffff:7f00:1]/", NULL },
    { "http://[::127.0.0.1]/", NULL },
    { "http://[64:ff9b::7f00:1]/", NULL },
    { "http://[2002:7f00:1::]/", NULL },
    { "http://[fe80::1%25eth0]/", NULL },
    { "http://[fe80::1]/", NULL },
    { "http://[fd00:ec2::254]/", NULL },
    { "http://[127.0.0.1]/", NULL },
    { "http://[8.8.8.8]/", NULL },
    { "http://[example.com]/", NULL },
    { "http://[::1/", NULL },
    { "http://[::1]x/", NULL },
    { "http://::1/", NULL },
    { "http://169.254.169.254/latest/meta-data/", NULL },
    { "http://100.100.100.200/", NULL },
    { "http://168.63.129.16/", NULL },
    { "http://192.0.0.192/", NULL },
    { "http://10.0.0.1/", NULL },
    { "http://localhost/", NULL },
    { "http://localhost./", NULL },
    { "http://LOCALHOST/", NULL },
    { "http://foo.localhost/", NULL },
    { "http://printer.local/", NULL },
    { "http://PRINTER.LOCAL/", NULL },
    { "http://intranet/", NULL },
    { "http://example.com./", NULL },
    { "http://good@127.0.0.1/", NULL },
    { "http://user:password@example.com/", NULL },
    { "http://@example.com/", NULL },
    { "http://good:80\\@127.0.0.1/", NULL },
    { "http://example.com\\@127.0.0.1/", NULL },
    { "http://%31%32%37.0.0.1/", NULL },
    { "http://example.com%00.example.org/", NULL },
    { "http://example.com:25/", NULL },
    { "http://example.com:1023/", NULL },
    { "http://example.com:65536/", NULL },
    { "http://example.com:0/", NULL },
    { "http://example.com:080/", NULL },
    { "http://example.com:/", NULL },
    { "http://example.com:8080:80/", NULL },
    { "http://example.com:+8080/", NULL },
    { "http://example.com/#", NULL },
    { "http://example.com#@127.0.0.1/", NULL },
    { "http://example.com/ x", NULL },
    { " http://example.com/", NULL },
    { "http://example.com/\r\nHELO", NULL },
    { "http://example.com/\t", NULL },
    { "http://exa\nmple.com/", NULL },
    { "http://example.com/\x7f", NULL },
    { "http://example.com/\xC3\xBC", NULL },
    { "http://example.com/\xFF", NULL },
    { "http://example.com/<script>", NULL },
    { "http://exa mple.com/", NULL },
    { "http://-a.example/", NULL },
    { "http://a_b.example/", NULL },
    { "http://a..example/", NULL },
    { "http://example.com/" A500 A500 A500 A500 A50, NULL },
};

static void takes_or_refuses(void **state)
{
    apr_array_header_t *allowed = NULL;

    assert_int_equal(eg_netaddr_parse_list(&allowed, "127.0.0.1:8081", *state), APR_SUCCESS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *url = NULL, *problem = NULL;
        apr_status_t rv = eg_url_parse(&url, &problem, cases[i].text, allowed, *state);

        print_message("# case %d: %.60s\n", (int)i, url != NULL ? url : problem);
        assert_int_equal(rv, cases[i].url != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(url, cases[i].url);
        }
        else {
            assert_non_null(problem);
            assert_null(url);
        }
    }
}

/* url-ssrf/ssrf-urls.txt of the third-party material: what is taken may be a name only, for the address to be judged. */
static void refuses_the_corpus(void **state)
{
    const char *folder = getenv("EG_CORPORA");
    FILE *file =
        folder != NULL ? fopen(apr_pstrcat(*state, folder, "/url-ssrf/ssrf-urls.txt", NULL), "r") : NULL;
    int lines = 0, taken = 0;
    char line[1024];

    if (file == NULL) {
        print_message("# left out: EG_CORPORA has no url-ssrf\n");
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        const char *url, *problem;

        line[strcspn(line, "\n")] = '\0';
        lines++;
        if (eg_url_parse(&url, &problem, line, NULL, *state) == APR_SUCCESS) {
            print_message("# taken: %s\n", url);
            taken++;
        }
    }
    fclose(file);
    print_message("# %d of %d URLs taken\n", taken, lines);
    assert_true(lines > 50);
    assert_int_equal(taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(takes_or_refuses),
        EG_TEST(refuses_the_corpus),
    };

    return EG_TEST_RUN(tests);
}
