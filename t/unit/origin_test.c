/* eg_origin_*: RFC 6454 section 6.2, the text of an origin; lists and what two of them share. */
#include <string.h>

#include <apr_strings.h>

#include "origin.h"
#include "testpool.h"

static const struct {
    const char *text;
    int count; /* -1: refused */
} lists[] = {
    { "none", 0 },
    { "*", 1 },
    { "https://app.example.com", 1 },
    { "http://localhost:8080", 1 },
    { "https://a.example,https://b.example,http://127.0.0.1:3000", 3 },
    { "HTTPS://App.Example.COM", 1 },
    { "https://[::1]:8443", 1 },
    { "https://xn--bcher-kva.example", 1 },
    { "capacitor://localhost", 1 },
    { "chrome-extension://abcdefghij", 1 },
    { "https://a.example,*", 2 },
    { "", -1 },
    { "null", -1 },
    { "None", -1 },
    { "https://a.example,none", -1 },
    { "https://a.example,", -1 },
    { ",https://a.example", -1 },
    { "https://a.example, https://b.example", -1 },
    { "https://a.example https://b.example", -1 },
    { "app.example.com", -1 },
    { "//app.example.com", -1 },
    { "://app.example.com", -1 },
    { "1https://app.example.com", -1 },
    { "https:app.example.com", -1 },
    { "https://", -1 },
    { "https://:8080", -1 },
    { "https://a.example/", -1 },
    { "https://a.example/path", -1 },
    { "https://user@a.example", -1 },
    { "https://a.example?x", -1 },
    { "https://*.example.com", -1 },
    { "https://a.example:", -1 },
    { "https://a.example:0", -1 },
    { "https://a.example:080", -1 },
    { "https://a.example:123456", -1 },
    { "https://a.example:x", -1 },
    { "https://a.example:443", -1 },
    { "http://a.example:80", -1 },
    { "https://a.example:80", 1 },
    { "http://a.example:443", 1 },
    { "https://[::1", -1 },
    { "https://[]", -1 },
    { "https://b\xc3\xbc"
      "cher.example",
      -1 },
    { "https://a.example\r\nSet-Cookie: x", -1 },
};

static apr_array_header_t *list_of(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *list;

    assert_int_equal(eg_origin_parse_list(&list, text, pool), APR_SUCCESS);
    return list;
}

static void reads_lists(void **state)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        apr_array_header_t *list = NULL;
        apr_status_t rv = eg_origin_parse_list(&list, lists[i].text, *state);

        print_message("# '%s'\n", lists[i].text);
        assert_int_equal(rv, lists[i].count < 0 ? APR_EINVAL : APR_SUCCESS);
        if (rv == APR_SUCCESS) {
            assert_int_equal(list->nelts, lists[i].count);
        }
    }
}

static const struct {
    const char *list, *origin;
    int is_in;
} members[] = {
    { "https://a.example", "https://a.example", 1 },
    { "HTTPS://A.example", "https://a.example", 1 },
    { "https://a.example", "https://A.example", 0 }, /* no browser writes it so */
    { "https://a.example", "http://a.example", 0 },
    { "https://a.example", "https://a.example:8443", 0 },
    { "https://a.example", "https://a.example.evil.test", 0 },
    { "https://a.example", "https://xa.example", 0 },
    { "https://a.example", "https://a.example/", 0 },
    { "https://a.example,https://b.example", "https://b.example", 1 },
    { "https://a.example,https://b.example", "https://a.example,https://b.example", 0 },
    { "https://a.example", "", 0 },
    { "https://a.example", "null", 0 },
    { "none", "https://a.example", 0 },
    { "none", "none", 0 },
    { "*", "https://a.example", 1 },
    { "*", "null", 0 },
    { "*", "*", 0 },
    { "*", "https://a.example evil", 0 },
};

static void finds_members(void **state)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        print_message("# %s in %s\n", members[i].origin, members[i].list);
        assert_int_equal(eg_origin_in(list_of(members[i].list, *state), members[i].origin), members[i].is_in);
    }
}

static const struct {
    const char *a, *b, *common;
} pairs[] = {
    { "https://a.example,https://b.example", "https://b.example,https://c.example", "https://b.example" },
    { "https://a.example", "https://b.example", "" },
    { "none", "https://a.example", "" },
    { "https://a.example", "none", "" },
    { "*", "https://a.example", "https://a.example" },
    { "https://a.example", "*", "https://a.example" },
    { "*", "none", "" },
    { "none", "*", "" },
    { "*", "*", "*" },
};

static void shares(void **state)
{
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        apr_array_header_t *common =
            eg_origin_common(list_of(pairs[i].a, *state), list_of(pairs[i].b, *state), *state);

        print_message("# %s and %s\n", pairs[i].a, pairs[i].b);
        assert_string_equal(apr_array_pstrcat(*state, common, ','), pairs[i].common);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(reads_lists), EG_TEST(finds_members), EG_TEST(shares) };

    return EG_TEST_RUN(tests);
}
