/* egs_track_*: a recipient's links in a mail, by what mail and domain say. */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "json.h"
#include "track.h"

#define BASE "https://links.example.net"

static const eg_secret *make_secret(apr_pool_t *pool)
{
    static const char lines[] = "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    char *path = apr_pstrdup(pool, "/tmp/track_test.XXXXXX");
    int fd = mkstemp(path);
    const char *problem;
    eg_secret *secret;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, sizeof lines - 1), sizeof lines - 1);
    close(fd);
    assert_int_equal(eg_secret_load(&secret, &problem, path, pool), APR_SUCCESS);
    unlink(path);
    return secret;
}

static egs_job job_of(egs_content *content, int recipient_no)
{
    return (egs_job){ .account_id = 65,
                      .message_id = "0198c2f4-5b1e-7c3a-9d2e-0123456789ab",
                      .recipient_no = recipient_no,
                      .content = content };
}

static const struct {
    const char *what, *base;
    int track_links, track_opens, unsubscribe_link; /* what is asked for */
    int links, pixel, click, unsubscribe, field;    /* what there is */
} cases[] = {
    { "nothing", BASE, 0, 0, 0, 0, 0, 0, 0, 0 },
    { "all", BASE, 1, 1, 1, 1, 1, 1, 1, 1 },
    { "opens", BASE, 0, 1, 0, 1, 1, 0, 0, 0 },
    { "clicks", BASE, 1, 0, 0, 1, 0, 1, 0, 0 },
    { "unsubscribe", BASE, 0, 0, 1, 1, 0, 0, 1, 1 },
    { "nothing to begin with", NULL, 1, 1, 1, 0, 0, 0, 0, 0 },
    { "http", "http://links.example.net", 1, 1, 1, 1, 1, 1, 1, 0 },
};

static void makes_what_is_asked_for(void **state)
{
    const eg_secret *secret = make_secret(*state);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        egs_content content = { .tracking_url = cases[i].base,
                                .track_links = cases[i].track_links,
                                .track_opens = cases[i].track_opens,
                                .unsubscribe_link = cases[i].unsubscribe_link };
        egs_job job = job_of(&content, 1);
        egs_links links;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(egs_track_links(&links, &job, secret, *state), APR_SUCCESS);
        assert_int_equal(egs_track_has_links(&content), cases[i].links);
        assert_int_equal(links.pixel != NULL, cases[i].pixel);
        assert_int_equal(links.unsubscribe != NULL, cases[i].unsubscribe);
        assert_int_equal(egs_track_click(&links, "https://shop.example/", *state) != NULL, cases[i].click);
        assert_int_equal(egs_track_unsubscribe_field(&links, &content) != NULL, cases[i].field);
    }
}

/* Each as the gateway will know it again. */
static void are_the_recipients_own(void **state)
{
    const eg_secret *secret = make_secret(*state);
    egs_content content = { .tracking_url = BASE, .track_links = 1, .track_opens = 1, .unsubscribe_link = 1 };
    egs_job first = job_of(&content, 1), second = job_of(&content, 2);
    egs_links one, two;
    eg_track_mail mail;

    assert_int_equal(egs_track_links(&one, &first, secret, *state), APR_SUCCESS);
    assert_int_equal(egs_track_links(&two, &second, secret, *state), APR_SUCCESS);
    assert_string_not_equal(one.pixel, two.pixel);
    assert_string_not_equal(one.unsubscribe, two.unsubscribe);
    assert_int_equal(strncmp(two.unsubscribe, BASE "/e/u/", strlen(BASE "/e/u/")), 0);
    assert_int_equal(eg_tracktoken_verify(&mail, EG_TRACK_UNSUBSCRIBE, two.unsubscribe + strlen(BASE "/e/u/"),
                                          NULL, secret, *state),
                     APR_SUCCESS);
    assert_int_equal(mail.recipient_no, 2);
    assert_true(mail.account_id == 65);
    assert_null(egs_track_click(&one, "https:///a", *state));
    assert_null(egs_track_click(&one, "http://a\\b", *state));
}

static void leaves_the_clients_own_field_alone(void **state)
{
    static const char *const headers[] = {
        "[[\"X-A\", \"b\"], [\"list-UNSUBSCRIBE\", \"<https://a.example/>\"]]",
        "[[\"List-Unsubscribe-Post\", \"x\"]]"
    };
    const eg_secret *secret = make_secret(*state);

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        egs_content content = { .tracking_url = BASE, .unsubscribe_link = 1 };
        egs_job job = job_of(&content, 1);
        const char *problem;
        egs_links links;

        assert_int_equal(eg_json_parse(&content.headers, &problem, headers[i], strlen(headers[i]), *state),
                         APR_SUCCESS);
        assert_int_equal(egs_track_links(&links, &job, secret, *state), APR_SUCCESS);
        assert_non_null(links.unsubscribe);
        assert_null(egs_track_unsubscribe_field(&links, &content));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(makes_what_is_asked_for),
        EG_TEST(are_the_recipients_own),
        EG_TEST(leaves_the_clients_own_field_alone),
    };

    return EG_TEST_RUN(tests);
}
