/* egs_policy_judge: what becomes of an attempt, by stage, code and age. */
#include "testpool.h"

#include "policy.h"

static egs_options usual(void)
{
    egs_options options;

    egs_options_defaults(&options);
    return options;
}

static const struct {
    egs_stage stage;
    int code;
    egs_result result;
} failures[] = {
    { EGS_STAGE_CONNECT, 0, EGS_DEFERRED },    { EGS_STAGE_GREETING, 0, EGS_DEFERRED },
    { EGS_STAGE_GREETING, 421, EGS_DEFERRED }, { EGS_STAGE_GREETING, 554, EGS_DEFERRED },
    { EGS_STAGE_EHLO, 550, EGS_DEFERRED },     { EGS_STAGE_STARTTLS, 500, EGS_DEFERRED },
    { EGS_STAGE_AUTH, 535, EGS_DEFERRED },     { EGS_STAGE_AUTH, 454, EGS_DEFERRED },
    { EGS_STAGE_RSET, 500, EGS_DEFERRED },     { EGS_STAGE_MAIL, 550, EGS_BOUNCED },
    { EGS_STAGE_MAIL, 451, EGS_DEFERRED },     { EGS_STAGE_RCPT, 550, EGS_BOUNCED },
    { EGS_STAGE_RCPT, 599, EGS_BOUNCED },      { EGS_STAGE_RCPT, 499, EGS_DEFERRED },
    { EGS_STAGE_RCPT, 450, EGS_DEFERRED },     { EGS_STAGE_RCPT, 421, EGS_DEFERRED },
    { EGS_STAGE_RCPT, 0, EGS_DEFERRED },       { EGS_STAGE_DATA, 554, EGS_BOUNCED },
    { EGS_STAGE_DATA, 451, EGS_DEFERRED },     { EGS_STAGE_DOT, 554, EGS_BOUNCED },
    { EGS_STAGE_DOT, 452, EGS_DEFERRED },      { EGS_STAGE_DOT, 0, EGS_DEFERRED },
    { EGS_STAGE_NONE, 0, EGS_DEFERRED },
};

static void bounces_what_is_refused_for_good(void **state)
{
    egs_options options = usual();

    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        egs_outcome outcome = { .result = EGS_DEFERRED,
                                .stage = failures[i].stage,
                                .smtp_code = failures[i].code };

        print_message("# stage %d, code %d\n", (int)failures[i].stage, failures[i].code);
        egs_policy_judge(&outcome, 1, 0, 0.5, &options);
        assert_int_equal(outcome.result, failures[i].result);
        assert_true(outcome.class > EGS_CLASS_NONE && outcome.class < EGS_CLASS_EXPIRED);
        assert_int_equal(outcome.slow_down, failures[i].code == 421 || failures[i].stage == EGS_STAGE_GREETING
                                                ? failures[i].code != 0
                                                : 0);
        assert_int_equal(outcome.suppress, 0);
        if (outcome.result == EGS_BOUNCED) {
            assert_int_equal(outcome.retry, 0);
        }
        else {
            assert_true(outcome.retry > apr_time_from_sec(59) && outcome.retry < apr_time_from_sec(61));
        }
    }
}

static void leaves_what_is_decided(void **state)
{
    egs_options options = usual();
    egs_outcome delivered = { .result = EGS_DELIVERED, .smtp_code = 250 };
    egs_outcome released = { .result = EGS_RELEASED };
    egs_outcome suppressed = { .result = EGS_SUPPRESSED };
    egs_outcome bounced = { .result = EGS_BOUNCED };

    (void)state;
    egs_policy_judge(&delivered, 9, apr_time_from_sec(365 * 86400), 0, &options);
    egs_policy_judge(&released, 9, apr_time_from_sec(365 * 86400), 0, &options);
    egs_policy_judge(&suppressed, 9, apr_time_from_sec(365 * 86400), 0, &options);
    egs_policy_judge(&bounced, 1, 0, 0, &options);
    assert_int_equal(delivered.result, EGS_DELIVERED);
    assert_int_equal(released.result, EGS_RELEASED);
    assert_int_equal(bounced.result, EGS_BOUNCED);
    assert_int_equal(suppressed.result, EGS_SUPPRESSED);
    assert_int_equal(bounced.class, EGS_CLASS_TECHNICAL);
    assert_false(bounced.suppress);
    assert_int_equal(delivered.class, EGS_CLASS_NONE);
    assert_int_equal(suppressed.class, EGS_CLASS_NONE);
}

/* The host is whose reply it is, and what is not a bounce suppresses nobody. */
static void judges_by_the_reply(void **state)
{
    egs_options options = usual();
    egs_outcome unknown = { .result = EGS_DEFERRED,
                            .stage = EGS_STAGE_RCPT,
                            .smtp_code = 550,
                            .enhanced = "5.1.1",
                            .text = "User unknown" };
    egs_outcome gmail = { .result = EGS_DEFERRED,
                          .stage = EGS_STAGE_DOT,
                          .smtp_code = 550,
                          .enhanced = "5.7.27",
                          .host = "gmail-smtp-in.l.google.com" };
    egs_outcome no_mx = { .result = EGS_BOUNCED, .enhanced = "5.1.10" };

    (void)state;
    egs_policy_judge(&unknown, 1, 0, 0, &options);
    egs_policy_judge(&gmail, 1, 0, 0, &options);
    egs_policy_judge(&no_mx, 1, 0, 0, &options);
    assert_int_equal(unknown.class, EGS_CLASS_RECIPIENT);
    assert_true(unknown.suppress);
    assert_int_equal(gmail.class, EGS_CLASS_AUTHENTICATION);
    assert_false(gmail.suppress);
    assert_int_equal(no_mx.result, EGS_BOUNCED);
    assert_int_equal(no_mx.class, EGS_CLASS_RECIPIENT);
    assert_true(no_mx.suppress);
}

static const struct {
    int attempt, minutes;
} waits[] = { { 0, 1 },   { 1, 1 },   { 2, 5 },   { 3, 15 },  { 4, 30 },   { 5, 60 },
              { 6, 120 }, { 7, 240 }, { 8, 480 }, { 9, 480 }, { 40, 480 }, { 32767, 480 } };

static void waits_grow_and_scatter(void **state)
{
    static const double dice[] = { 0, 0.25, 0.5, 0.999999 };
    egs_options options = usual();

    (void)state;
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        for (size_t j = 0; j < sizeof dice / sizeof *dice; j++) {
            egs_outcome outcome = { .result = EGS_DEFERRED, .stage = EGS_STAGE_CONNECT };
            double expected = waits[i].minutes * 60.0 * (0.9 + 0.2 * dice[j]);

            egs_policy_judge(&outcome, waits[i].attempt, 0, dice[j], &options);
            assert_int_equal(outcome.result, EGS_DEFERRED);
            assert_true(outcome.retry >= (apr_time_t)((expected - 0.01) * 1e6));
            assert_true(outcome.retry <= (apr_time_t)((expected + 0.01) * 1e6));
        }
    }
}

static const struct {
    int hours, attempt;
    egs_result result;
} ages[] = {
    { 39, 12, EGS_DEFERRED }, /* 39 + 8 < 48 */
    { 41, 12, EGS_BOUNCED },  /* the next try would lie beyond */
    { 49, 1, EGS_BOUNCED },
    { 47, 1, EGS_DEFERRED },
};

static void ends_with_its_lifetime(void **state)
{
    egs_options options = usual();

    (void)state;
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
        egs_outcome outcome = { .result = EGS_DEFERRED, .stage = EGS_STAGE_RCPT, .smtp_code = 450 };

        egs_policy_judge(&outcome, ages[i].attempt, apr_time_from_sec(ages[i].hours * 3600), 0.5, &options);
        assert_int_equal(outcome.result, ages[i].result);
        if (outcome.result == EGS_BOUNCED) {
            assert_int_equal(outcome.class, EGS_CLASS_EXPIRED);
            assert_false(outcome.suppress);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(bounces_what_is_refused_for_good),
        EG_TEST(leaves_what_is_decided),
        EG_TEST(judges_by_the_reply),
        EG_TEST(waits_grow_and_scatter),
        EG_TEST(ends_with_its_lifetime),
    };

    return EG_TEST_RUN(tests);
}
