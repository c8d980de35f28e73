/* eg_newdomain_parse, eg_subdomain_parse, eg_domain_settings_make: what may be a sender domain, and what it is given. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "newdomain.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A57 A50 "aaaaaaa"
#define SHORTER "." A57 "." A57 "." A57 /* 174 octets */
#define LONG SHORTER "." A57            /* 232 octets */

static void takes_sender_domains(void **state)
{
    static const struct {
        const char *text, *name, *problem;
    } cases[] = {
        { "Example.COM", "example.com", NULL },
        { "a.b.example.co.uk", "a.b.example.co.uk", NULL },
        { "b\xC3\xBC"
          "cher.example",
          "xn--bcher-kva.example", NULL },
        { "github.io", "github.io", NULL },
        { "com", NULL, "two labels" },
        { "192.0.2.1", NULL, "two labels" },
        { "co.uk", NULL, "public suffix" },
        { "xn--55qx5d.cn", NULL, "public suffix" },
        { A57 "a" SHORTER, A57 "a" SHORTER, NULL },
        { "a" LONG, NULL, "too long" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = NULL, *problem = NULL;
        apr_status_t rv = eg_newdomain_parse(&name, &problem, cases[i].text, *state);

        print_message("# %s\n", cases[i].text);
        assert_int_equal(rv, cases[i].name != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(name, cases[i].name);
        }
        else {
            assert_non_null(strstr(problem, cases[i].problem));
        }
    }
}

static void takes_subdomains(void **state)
{
    static const struct {
        const char *text, *name, *label;
    } cases[] = {
        { "eg", "example.com", "eg" },
        { "MAIL", "example.com", "mail" },
        { "b\xC3\xBC"
          "cher",
          "example.com", "xn--bcher-kva" },
        { A57, "example.com", A57 },
        { A57 "a", "example.com", NULL },
        { "a.b", "example.com", NULL },
        { "a\xE3\x80\x82"
          "b",
          "example.com", NULL }, /* an ideographic full stop */
        { "", "example.com", NULL },
        { "-a", "example.com", NULL },
        { "_a", "example.com", NULL },
        { "a b", "example.com", NULL },
        { "*", "example.com", NULL },
        { "aaaaaaaaaaaa", "aa" LONG, "aaaaaaaaaaaa" }, /* track-aaaaaaaaaaaa.: 19 octets before 233 */
        { "aaaaaaaaaaaaaa", "aa" LONG, NULL },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *label = NULL;
        apr_status_t rv = eg_subdomain_parse(&label, cases[i].text, cases[i].name, *state);

        print_message("# \"%s\" below %s\n", cases[i].text, cases[i].name);
        assert_int_equal(rv, cases[i].label != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(label, cases[i].label);
        }
    }
}

static void gives_what_is_set(void **state)
{
    eg_domain_settings settings;

    eg_domain_settings_make(&settings, "mail.example.net", NULL, *state);
    assert_string_equal(settings.mail_host, "mail.example.net");
    assert_null(settings.tracking_url);
    assert_string_equal(settings.tracking_host, "mail.example.net");
    eg_domain_settings_make(&settings, "mail.example.net", "https://links.example.net:8443/t", *state);
    assert_string_equal(settings.tracking_url, "https://links.example.net:8443/t");
    assert_string_equal(settings.tracking_host, "links.example.net");
    eg_domain_settings_make(&settings, NULL, NULL, *state);
    assert_true(*settings.mail_host == '\0' || strchr(settings.mail_host, '.') != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(takes_sender_domains),
        EG_TEST(takes_subdomains),
        EG_TEST(gives_what_is_set),
    };

    return EG_TEST_RUN(tests);
}
