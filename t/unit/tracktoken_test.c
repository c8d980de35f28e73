/* eg_tracktoken_*: RFC 4648 section 5 (base64url), RFC 3986 section 2 (escapes), reliability of links. */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "tracktoken.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100"
#define BASE "https://links.example.net"
#define TARGET "https://shop.example/\xc3\xbc?a=1&b=%20#x"

static const eg_track_mail mail = { 65, "0198c2f4-5b1e-7c3a-9d2e-0123456789ab", 2 };

/* Made of the same values by another implementation. */
static const struct {
    eg_track_purpose purpose;
    const char *target, *link;
} vectors[] = {
    { EG_TRACK_OPEN, NULL, BASE "/e/o/AQAAAAAAAEEBmML0Wx58Op0uASNFZ4mrAAKy609Fh6F_EYM7wpnpG0O8" },
    { EG_TRACK_CLICK, TARGET,
      BASE "/e/c/AQAAAAAAAEEBmML0Wx58Op0uASNFZ4mrAAI_1pnDUgc8uTlasWgTngG5"
           "?u=https%3A%2F%2Fshop.example%2F%C3%BC%3Fa%3D1%26b%3D%2520%23x" },
    { EG_TRACK_UNSUBSCRIBE, NULL, BASE "/e/u/AQAAAAAAAEEBmML0Wx58Op0uASNFZ4mrAAK7wyi-Rb2UvMpQpRPo7PLg" },
};
#define VECTORS (sizeof vectors / sizeof *vectors)

static const eg_secret *secret_of(const char *lines, apr_pool_t *pool)
{
    const char *problem;
    eg_secret *secret;

    assert_int_equal(eg_secret_parse(&secret, &problem, "secret", lines, pool), APR_SUCCESS);
    return secret;
}

static char *token_of(const char *link, apr_pool_t *pool)
{
    return apr_pstrndup(pool, link + strlen(BASE "/e/o/"), EG_TRACKTOKEN_LETTERS);
}

static void makes_what_another_makes(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);

    for (size_t i = 0; i < VECTORS; i++) {
        const char *link =
            eg_tracktoken_link(vectors[i].purpose, BASE, &mail, vectors[i].target, secret, *state);

        assert_string_equal(link, vectors[i].link);
    }
    assert_null(
        eg_tracktoken_link(EG_TRACK_OPEN, BASE, &(eg_track_mail){ 1, "no id", 1 }, NULL, secret, *state));
}

static void comes_back_as_it_was(void **state)
{
    static const eg_track_mail mails[] = {
        { 65, "0198c2f4-5b1e-7c3a-9d2e-0123456789ab", 2 },
        { EG_ID_MAX, "ffffffff-ffff-7fff-bfff-ffffffffffff", 65535 },
        { 1, "00000000-0000-7000-8000-000000000000", 0 },
    };
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);

    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        const char *link = eg_tracktoken_link(EG_TRACK_CLICK, BASE, &mails[i], TARGET, secret, *state);
        const char *target = eg_tracktoken_target(strchr(link, '?') + 1, *state);
        eg_track_mail parsed;

        assert_string_equal(target, TARGET);
        assert_int_equal(
            eg_tracktoken_verify(&parsed, EG_TRACK_CLICK, token_of(link, *state), target, secret, *state),
            APR_SUCCESS);
        assert_true(parsed.account_id == mails[i].account_id);
        assert_string_equal(parsed.message_id, mails[i].message_id);
        assert_int_equal(parsed.recipient_no, mails[i].recipient_no);
    }
}

/* One bit of any letter, one letter less, one more, the other spellings of base64. */
static void refuses_what_it_did_not_make(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    eg_track_mail parsed;

    for (size_t i = 0; i < VECTORS; i++) {
        eg_track_purpose purpose = vectors[i].purpose;
        const char *token = token_of(vectors[i].link, *state), *target = vectors[i].target;

        assert_int_equal(eg_tracktoken_verify(&parsed, purpose, token, target, secret, *state), APR_SUCCESS);
        for (int bit = 0; bit < 8 * EG_TRACKTOKEN_LETTERS; bit++) {
            char *other = apr_pstrdup(*state, token);

            other[bit / 8] ^= (char)(1 << bit % 8);
            assert_int_equal(eg_tracktoken_verify(&parsed, purpose, other, target, secret, *state),
                             APR_EINVAL);
        }
        for (int length = 0; length < EG_TRACKTOKEN_LETTERS; length++) {
            assert_int_equal(eg_tracktoken_verify(&parsed, purpose,
                                                  apr_pstrndup(*state, token, (apr_size_t)length), target,
                                                  secret, *state),
                             APR_EINVAL);
        }
        for (const char *end = "A=/+ "; *end != '\0'; end++) {
            assert_int_equal(eg_tracktoken_verify(&parsed, purpose, apr_psprintf(*state, "%s%c", token, *end),
                                                  target, secret, *state),
                             APR_EINVAL);
        }
    }
}

static void is_good_for_one_purpose(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    eg_track_mail parsed;

    for (size_t i = 0; i < VECTORS; i++) {
        for (size_t j = 0; j < VECTORS; j++) {
            apr_status_t rv =
                eg_tracktoken_verify(&parsed, vectors[j].purpose, token_of(vectors[i].link, *state),
                                     vectors[j].target, secret, *state);

            assert_int_equal(rv, i == j ? APR_SUCCESS : APR_EINVAL);
        }
    }
    assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_CLICK, token_of(vectors[1].link, *state), NULL,
                                          secret, *state),
                     APR_EINVAL);
    assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, token_of(vectors[0].link, *state), TARGET,
                                          secret, *state),
                     APR_EINVAL);
}

/* With one byte changed, taken out or put in, it is another. */
static void leads_to_its_target_alone(void **state)
{
    static const char *const others[] = { "https://evil.example/", "", "https://shop.example/", TARGET "x" };
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    const char *token = token_of(vectors[1].link, *state);
    eg_track_mail parsed;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_CLICK, token, others[i], secret, *state),
                         APR_EINVAL);
    }
    for (size_t i = 0; i < 8 * strlen(TARGET); i++) {
        char *other = apr_pstrdup(*state, TARGET);

        other[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_CLICK, token, other, secret, *state),
                         APR_EINVAL);
    }
}

static const struct {
    const char *target;
    int valid;
} targets[] = {
    { "https://shop.example", 1 },
    { "HTTP://shop.example:8080/a?b=c&d=%00#e", 1 },
    { "https://shop.example/<\"'>{{x}}", 1 },
    { "https://b\xc3\xbc"
      "cher.example/\xe6\xb3\xa8",
      1 },
    { "javascript:alert(1)", 0 },
    { "data:text/html,x", 0 },
    { "//evil.example", 0 },
    { "https:evil.example", 0 },
    { "https:/evil.example", 0 },
    { "https://", 1 },
    { "http://", 1 },
    { "https:// ", 0 },
    { "https:// x", 0 },
    { "https:///evil.example", 0 },
    { "https://?x", 0 },
    { "https://#x", 0 },
    { "\\\\evil.example", 0 },
    { "https://evil.example\\@shop.example", 0 },
    { " https://shop.example", 0 },
    { "https://shop.example/a b", 1 },
    { "https://shop.example/a ", 0 },
    { "https://shop.example/\r\nSet-Cookie: a=b", 0 },
    { "https://shop.example/\n", 0 },
    { "https://shop.example/\x7f", 0 },
    { "https://shop.example/\xc2\x85", 0 },
    { "https://shop.example/\xe2\x80\xae", 0 },
    { "https://shop.example/\xff", 0 },
    { "mailto:ann@example.org", 0 },
    { "ftp://shop.example/", 0 },
    { "", 0 },
};

/* Neither is a link made to a target that is none, nor would one be taken. */
static void takes_web_addresses_alone(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const char *link = eg_tracktoken_link(EG_TRACK_CLICK, BASE, &mail, targets[i].target, secret, *state);

        print_message("# %s\n", targets[i].target);
        assert_int_equal(eg_track_target_valid(targets[i].target), targets[i].valid);
        assert_int_equal(link != NULL, targets[i].valid);
    }
}

static void has_a_length(void **state)
{
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    const char *shortest = eg_tracktoken_link(EG_TRACK_CLICK, BASE, &mail, "https://a", secret, *state);
    apr_size_t room = EG_TRACKLINK_MAX - strlen(shortest);
    char *longest = apr_palloc(*state, 9 + room + 2);

    strcpy(longest, "https://a");
    memset(longest + 9, 'x', room + 1);
    longest[9 + room] = '\0';
    assert_int_equal(strlen(eg_tracktoken_link(EG_TRACK_CLICK, BASE, &mail, longest, secret, *state)),
                     EG_TRACKLINK_MAX);
    longest[9 + room] = 'x';
    longest[9 + room + 1] = '\0';
    assert_null(eg_tracktoken_link(EG_TRACK_CLICK, BASE, &mail, longest, secret, *state));
}

static const struct {
    const char *query, *target; /* NULL: none */
} queries[] = {
    { "u=https%3A%2F%2Fa.example", "https://a.example" },
    { "u=https%3a%2f%2fa.example", "https://a.example" },
    { "u=a+b", "a+b" },
    { "utm_source=x&u=a&fbclid=y", "a" },
    { "u=a&u=b", "a" },
    { "u=", "" },
    { "&&u=a", "a" },
    { "xu=a", NULL },
    { "U=a", NULL },
    { "u", NULL },
    { "", NULL },
    { NULL, NULL },
    { "u=a%00b", NULL },
    { "u=%", NULL },
    { "u=%4", NULL },
    { "u=%zz", NULL },
    { "u=%4&u=a", NULL },
};

static void finds_the_target(void **state)
{
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const char *target = eg_tracktoken_target(queries[i].query, *state);

        print_message("# %s\n", queries[i].query != NULL ? queries[i].query : "none");
        assert_int_equal(target != NULL, queries[i].target != NULL);
        if (target != NULL) {
            assert_string_equal(target, queries[i].target);
        }
    }
}

static const struct {
    const char *path, *prefix;
    char purpose; /* 0: it is none */
    const char *token;
} paths[] = {
    { "/e/o/abc", "/e", 'o', "abc" },
    { "/e/c/", "/e", 'c', "" },
    { "/e/u/a/b", "/e", 'u', "a/b" },
    { "/mail/e/u/a", "/mail/e", 'u', "a" },
    { "/e/x/abc", "/e", 0, NULL },
    { "/e/o", "/e", 0, NULL },
    { "/e/", "/e", 0, NULL },
    { "/e", "/e", 0, NULL },
    { "/eo/abc", "/e", 0, NULL },
    { "/e/oo/abc", "/e", 0, NULL },
    { "/f/o/abc", "/e", 0, NULL },
    { "e/o/abc", "/e", 0, NULL },
    { "", "/e", 0, NULL },
};

static void knows_its_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        eg_track_purpose purpose;
        const char *token;

        print_message("# %s\n", paths[i].path);
        assert_int_equal(eg_tracktoken_path(&purpose, &token, paths[i].path, paths[i].prefix),
                         paths[i].purpose != 0);
        if (paths[i].purpose != 0) {
            assert_int_equal(purpose, paths[i].purpose);
            assert_string_equal(token, paths[i].token);
        }
    }
}

/* A new key makes them, an old one still verifies, one that is gone does not. */
static void keys_come_and_go(void **state)
{
    const eg_secret *both = secret_of("2 " KEY_B "\n1 " KEY_A "\n", *state);
    const eg_secret *new_one = secret_of("2 " KEY_B "\n", *state);
    const eg_secret *false_one = secret_of("1 " KEY_B "\n", *state);
    const char *link = eg_tracktoken_link(EG_TRACK_OPEN, BASE, &mail, NULL, both, *state);
    const char *old = token_of(vectors[0].link, *state);
    eg_track_mail parsed;

    assert_string_not_equal(link, vectors[0].link);
    assert_int_equal(
        eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, token_of(link, *state), NULL, new_one, *state),
        APR_SUCCESS);
    assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, old, NULL, both, *state), APR_SUCCESS);
    assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, old, NULL, new_one, *state), APR_EINVAL);
    assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, old, NULL, false_one, *state), APR_EINVAL);
}

#define GUESSES 100000

/* All that a stranger can do who knows everything but the key: guess the MAC. */
static void cannot_be_guessed(void **state)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const eg_secret *secret = secret_of("1 " KEY_A "\n", *state);
    char *token = token_of(vectors[0].link, *state);
    eg_track_mail parsed;
    apr_pool_t *pool;

    srand(1);
    apr_pool_create(&pool, *state);
    for (int guess = 0; guess < GUESSES; guess++) {
        for (int at = 35; at < EG_TRACKTOKEN_LETTERS; at++) {
            token[at] = letters[rand() % 64];
        }
        assert_int_equal(eg_tracktoken_verify(&parsed, EG_TRACK_OPEN, token, NULL, secret, pool), APR_EINVAL);
        apr_pool_clear(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(makes_what_another_makes),
        EG_TEST(comes_back_as_it_was),
        EG_TEST(refuses_what_it_did_not_make),
        EG_TEST(is_good_for_one_purpose),
        EG_TEST(leads_to_its_target_alone),
        EG_TEST(takes_web_addresses_alone),
        EG_TEST(has_a_length),
        EG_TEST(finds_the_target),
        EG_TEST(knows_its_paths),
        EG_TEST(keys_come_and_go),
        EG_TEST(cannot_be_guessed),
    };

    return EG_TEST_RUN(tests);
}
