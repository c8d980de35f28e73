/* eg_returnpath_*: RFC 5321 section 4.5.3.1.1 (64 octets), RFC 4648 section 6 (base32). */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "returnpath.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100"

static const eg_returnpath mail = { 65, "0198c2f4-5b1e-7c3a-9d2e-0123456789ab", 2 };

/* Made of the same values by another implementation. */
#define TOKEN "b+aeaaaaaaaaaecamyyl2fwht4hkos4ajdivtytkyaalbrq6fhttuioqywjy"
static const char vector[] = TOKEN;

static const eg_secret *secret_of(const char *lines, apr_pool_t *pool)
{
    const char *problem;
    eg_secret *secret;

    assert_int_equal(eg_secret_parse(&secret, &problem, "secret", lines, pool), APR_SUCCESS);
    return secret;
}

static void comes_back_as_it_was(void **state)
{
    static const eg_returnpath paths[] = {
        { 65, "0198c2f4-5b1e-7c3a-9d2e-0123456789ab", 2 },
        { EG_ID_MAX, "ffffffff-ffff-7fff-bfff-ffffffffffff", 65535 },
        { 1, "00000000-0000-7000-8000-000000000000", 0 },
    };
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *local = eg_returnpath_make(&paths[i], secret, *state);
        eg_returnpath parsed;

        assert_true(strlen(local) <= 64);
        assert_int_equal(strspn(local, "b+acdefghijklmnopqrstuvwxyz234567"), strlen(local));
        assert_int_equal(eg_returnpath_parse(&parsed, local, secret, *state), APR_SUCCESS);
        assert_true(parsed.account_id == paths[i].account_id);
        assert_string_equal(parsed.message_id, paths[i].message_id);
        assert_int_equal(parsed.recipient_no, paths[i].recipient_no);
    }
    assert_string_equal(eg_returnpath_make(&mail, secret, *state), vector);
    assert_null(eg_returnpath_make(&(eg_returnpath){ 1, "no id", 1 }, secret, *state));
}

static void letter_case_means_nothing(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    char *local = apr_pstrdup(*state, vector);
    eg_returnpath parsed;

    for (char *c = local; *c; c += 1 + (c - local) % 2) {
        *c = (char)apr_toupper(*c);
    }
    assert_int_equal(eg_returnpath_parse(&parsed, local, secret, *state), APR_SUCCESS);
    assert_string_equal(parsed.message_id, mail.message_id);
}

/* Each letter counts, and nothing may be added or left out. */
static void refuses_what_it_did_not_make(void **state)
{
    static const char *const others[] = { "", "b", "b+", "b-x", "+", "postmaster", "b+a", "b+====" };
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    eg_returnpath parsed;

    for (size_t i = 0; i < strlen(vector); i++) {
        char *local = apr_pstrdup(*state, vector);

        local[i] = local[i] == 'x' ? 'y' : 'x';
        assert_int_equal(eg_returnpath_parse(&parsed, local, secret, *state), APR_EINVAL);
        local[i] = '\0';
        assert_int_equal(eg_returnpath_parse(&parsed, local, secret, *state), APR_EINVAL);
    }
    assert_int_equal(eg_returnpath_parse(&parsed, apr_pstrcat(*state, vector, "a", NULL), secret, *state),
                     APR_EINVAL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(eg_returnpath_parse(&parsed, others[i], secret, *state), APR_EINVAL);
    }
}

static const struct {
    const char *what, *address;
    const char *host; /* NULL: refused */
} addresses[] = {
    { "bare", TOKEN "@eg.example.com", "eg.example.com" },
    { "in brackets", "<" TOKEN "@eg.example.com>", "eg.example.com" },
    { "a host in capitals", TOKEN "@EG.Example.COM", "eg.example.com" },
    { "what is behind the brackets", "<" TOKEN "@eg.example.com> SIZE=1", "eg.example.com" },
    { "no host", TOKEN "@", NULL },
    { "no domain", TOKEN, NULL },
    { "no local part", "@eg.example.com", NULL },
    { "no token", "ann@eg.example.com", NULL },
    { "nothing", "", NULL },
    { "empty brackets", "<>", NULL },
    { "brackets and no domain", "<" TOKEN ">", NULL },
    { "one letter more", TOKEN "a@eg.example.com", NULL },
    { "two hosts", TOKEN "@eg.example.com@example.org", NULL },
    { "a route", "@example.org:" TOKEN "@eg.example.com", NULL },
    { "a percent", TOKEN "%eg.example.com@example.org", NULL },
    { "an address literal", TOKEN "@[127.0.0.1]", NULL },
    { "a line feed", TOKEN "@eg.example.com\nRCPT TO:<ann@example.org>", NULL },
    { "bytes of no name", TOKEN "@eg.ex\xC3\xA4mple.com", NULL },
    { "a quote", TOKEN "@eg.example.com'", NULL },
};

static void addresses_have_a_host(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);

    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        const char *host = "unchanged";
        eg_returnpath parsed;
        apr_status_t rv = eg_returnpath_parse_address(&parsed, &host, addresses[i].address, secret, *state);

        print_message("# %s\n", addresses[i].what);
        assert_int_equal(rv, addresses[i].host != NULL ? APR_SUCCESS : APR_EINVAL);
        assert_string_equal(host, addresses[i].host != NULL ? addresses[i].host : "unchanged");
        if (rv == APR_SUCCESS) {
            assert_string_equal(parsed.message_id, mail.message_id);
        }
    }
}

static void hosts_have_a_length(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    char host[EG_DOMAIN_MAX + 2];
    const char *found;
    eg_returnpath parsed;

    memset(host, 'x', sizeof host);
    host[EG_DOMAIN_MAX] = '\0';
    assert_int_equal(eg_returnpath_parse_address(&parsed, &found, apr_pstrcat(*state, TOKEN "@", host, NULL),
                                                 secret, *state),
                     APR_SUCCESS);
    assert_string_equal(found, host);
    host[EG_DOMAIN_MAX] = 'x';
    host[EG_DOMAIN_MAX + 1] = '\0';
    assert_int_equal(eg_returnpath_parse_address(&parsed, &found, apr_pstrcat(*state, TOKEN "@", host, NULL),
                                                 secret, *state),
                     APR_EINVAL);
}

/* A new key makes them, an old one still verifies, one that is gone does not. */
static void keys_come_and_go(void **state)
{
    const eg_secret *both = secret_of("2 " KEY_B "\n1 " KEY_A "\n", *state);
    const eg_secret *new_one = secret_of("2 " KEY_B "\n", *state);
    const eg_secret *false_one = secret_of("1 " KEY_B "\n", *state);
    const char *local = eg_returnpath_make(&mail, both, *state);
    eg_returnpath parsed;

    assert_string_not_equal(local, vector);
    assert_int_equal(eg_returnpath_parse(&parsed, local, new_one, *state), APR_SUCCESS);
    assert_int_equal(eg_returnpath_parse(&parsed, vector, both, *state), APR_SUCCESS);
    assert_int_equal(eg_returnpath_parse(&parsed, vector, new_one, *state), APR_EINVAL);
    assert_int_equal(eg_returnpath_parse(&parsed, vector, false_one, *state), APR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(comes_back_as_it_was),         EG_TEST(letter_case_means_nothing),
        EG_TEST(refuses_what_it_did_not_make), EG_TEST(addresses_have_a_host),
        EG_TEST(hosts_have_a_length),          EG_TEST(keys_come_and_go),
    };

    return EG_TEST_RUN(tests);
}
