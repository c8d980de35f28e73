/* egs_dialogue_*: one mail over a connection, by the bytes of both sides. */
#include "testpool.h"

#include <apr_strings.h>
#include <string.h>

#include "smtp_dialogue.h"

static egs_job job_of(const char *message)
{
    return (egs_job){ .recipient = "ann@example.org",
                      .return_path = "shop@example.com",
                      .message = { message, strlen(message) } };
}

/* All that it wants to send now, taken by the other side. */
static const char *said(egs_dialogue *dialogue, apr_pool_t *pool)
{
    const char *all = "", *data;
    apr_size_t size;

    while ((data = egs_dialogue_output(dialogue, &size))) {
        all = apr_pstrcat(pool, all, apr_pstrmemdup(pool, data, size), NULL);
        egs_dialogue_sent(dialogue, size);
    }
    return all;
}

static void hears(egs_dialogue *dialogue, const char *text)
{
    egs_dialogue_input(dialogue, text, strlen(text));
}

static void goes_step_by_step(void **state)
{
    egs_job job = job_of("a: b\r\n\r\n.x\r\n");
    egs_dialogue *d = apr_palloc(*state, sizeof *d);

    assert_int_equal(egs_dialogue_start(d, &job, 0, 1), APR_SUCCESS);
    assert_string_equal(said(d, *state), "RSET\r\n");
    hears(d, "250 ok\r\n");
    assert_string_equal(said(d, *state), "MAIL FROM:<shop@example.com>\r\n");
    hears(d, "250 ok\r\n");
    assert_string_equal(said(d, *state), "RCPT TO:<ann@example.org>\r\n");
    hears(d, "25");
    hears(d, "0 ok\r\n");
    assert_string_equal(said(d, *state), "DATA\r\n");
    assert_false(egs_dialogue_at_body(d));
    hears(d, "354 go\r\n");
    assert_true(egs_dialogue_at_body(d));
    assert_string_equal(said(d, *state), "a: b\r\n\r\n..x\r\n.\r\n");
    assert_false(d->over);
    hears(d, "250 2.0.0 taken\r\n");
    assert_true(d->over && !d->failed && !d->broken);
    assert_int_equal(d->stage, EGS_STAGE_DOT);
    assert_string_equal(d->reply.enhanced, "2.0.0");
    assert_false(egs_dialogue_ambiguous(d));
}

static const struct {
    const char *what, *replies[4];
    int failed, broken;
    egs_stage stage;
    int code;
} pipelined[] = {
    { "taken", { "250 a\r\n250 b\r\n354 c\r\n", "250 d\r\n" }, 0, 0, EGS_STAGE_DOT, 250 },
    { "RCPT refused", { "250 a\r\n550 b\r\n503 c\r\n" }, 1, 0, EGS_STAGE_RCPT, 550 },
    { "RCPT refused, DATA taken", { "250 a\r\n550 b\r\n354 c\r\n" }, 1, 1, EGS_STAGE_RCPT, 550 },
    { "MAIL refused", { "451 a\r\n503 b\r\n503 c\r\n" }, 1, 0, EGS_STAGE_MAIL, 451 },
    { "DATA refused", { "250 a\r\n250 b\r\n", "554 c\r\n" }, 1, 0, EGS_STAGE_DATA, 554 },
    { "message refused", { "250 a\r\n250 b\r\n354 c\r\n", "554 d\r\n" }, 1, 0, EGS_STAGE_DOT, 554 },
    { "421 at RCPT", { "250 a\r\n421 b\r\n" }, 1, 1, EGS_STAGE_RCPT, 421 },
    { "garbage at MAIL", { "what\r\n" }, 1, 1, EGS_STAGE_MAIL, 0 },
    { "354 to RCPT", { "250 a\r\n354 b\r\n" }, 1, 1, EGS_STAGE_RCPT, 0 },
    { "250 to DATA", { "250 a\r\n250 b\r\n250 c\r\n" }, 1, 1, EGS_STAGE_DATA, 0 },
    { "a reply too many", { "250 a\r\n250 b\r\n354 c\r\n", "250 d\r\n250 e\r\n" }, 0, 1, EGS_STAGE_DOT, 250 },
};

static void goes_in_one_write(void **state)
{
    egs_job job = job_of("a: b\r\n\r\nx");
    egs_dialogue *d = apr_palloc(*state, sizeof *d);

    for (size_t i = 0; i < sizeof pipelined / sizeof *pipelined; i++) {
        print_message("# %s\n", pipelined[i].what);
        assert_int_equal(egs_dialogue_start(d, &job, EGS_SMTP_PIPELINING | EGS_SMTP_SIZE, 0), APR_SUCCESS);
        assert_string_equal(said(d, *state),
                            "MAIL FROM:<shop@example.com> SIZE=9\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n");
        for (int j = 0; j < 4 && pipelined[i].replies[j]; j++) {
            hears(d, pipelined[i].replies[j]);
            said(d, *state);
        }
        assert_true(d->over);
        assert_int_equal(d->failed, pipelined[i].failed);
        assert_int_equal(d->broken, pipelined[i].broken);
        assert_int_equal(d->stage, pipelined[i].stage);
        assert_int_equal(d->reply.code, pipelined[i].code);
        assert_false(egs_dialogue_ambiguous(d));
    }
}

/* Only a whole message without a reply may have been delivered. */
static void knows_what_is_ambiguous(void **state)
{
    egs_job job = job_of("a: b\r\n\r\nx\r\n");
    egs_dialogue *d = apr_palloc(*state, sizeof *d);
    apr_size_t size;

    for (int sent = 0; sent < 2; sent++) {
        assert_int_equal(egs_dialogue_start(d, &job, EGS_SMTP_PIPELINING, 0), APR_SUCCESS);
        said(d, *state);
        hears(d, "250 a\r\n250 b\r\n354 c\r\n");
        assert_non_null(egs_dialogue_output(d, &size));
        egs_dialogue_sent(d, sent ? size : size - 1);
        egs_dialogue_cut(d);
        assert_true(d->over && d->failed && d->broken);
        assert_int_equal(egs_dialogue_ambiguous(d), sent);
    }
}

static void doubles_dots_across_buffers(void **state)
{
    enum { LINES = 9000 };
    char *message = apr_pcalloc(*state, LINES * 12 + 1), *expected = apr_pcalloc(*state, LINES * 13 + 100);
    egs_dialogue *d = apr_palloc(*state, sizeof *d);
    egs_job job;

    for (int i = 0; i < LINES; i++) {
        strcat(message + i * 4, "..\r\n");
        strcat(expected + i * 5, "...\r\n");
    }
    strcat(expected + LINES * 5, ".\r\n");
    job = job_of(message);
    assert_int_equal(egs_dialogue_start(d, &job, EGS_SMTP_PIPELINING, 0), APR_SUCCESS);
    said(d, *state);
    hears(d, "250 a\r\n250 b\r\n354 c\r\n");
    assert_string_equal(said(d, *state), expected);
}

static void checks_addresses(void **state)
{
    static const char *const bad[] = { "a\r\nDATA@b.example", "a b@c.example",   "a>@b.example",
                                       "<a@b.example",        "a\x7F@b.example", "a\t@b.example" };
    egs_job job = job_of("a: b\r\n\r\nx\r\n");
    egs_dialogue *d = apr_palloc(*state, sizeof *d);

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(egs_smtp_address_safe(bad[i]));
    }
    assert_true(egs_smtp_address_safe("a@b.example") && egs_smtp_address_safe(""));
    job.recipient = "j\xC3\xB6rg@example.org";
    assert_int_equal(egs_dialogue_start(d, &job, EGS_SMTP_PIPELINING, 0), APR_EINVAL);
    assert_int_equal(egs_dialogue_start(d, &job, EGS_SMTP_UTF8 | EGS_SMTP_8BITMIME, 0), APR_SUCCESS);
    assert_string_equal(said(d, *state), "MAIL FROM:<shop@example.com> SMTPUTF8 BODY=8BITMIME\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(goes_step_by_step),           EG_TEST(goes_in_one_write), EG_TEST(knows_what_is_ambiguous),
        EG_TEST(doubles_dots_across_buffers), EG_TEST(checks_addresses),
    };

    return EG_TEST_RUN(tests);
}
