/* Lines of a client: where they end, how long they may be, and how many there may be. */
#include "smtp_talk.h"

static const talk_row rows[] = {
    { "a LF alone ends no command", 0, HELLO "NOOP\nNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },
    { "nor does a CR", 0, HELLO "NOOP\rNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },
    { "nor CR CR LF", 0, HELLO "NOOP\r\r\nNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

static void limits_lines(void **state)
{
    static const struct {
        const char *begin, *end;
        apr_size_t max;
        const char *good, *bad;
    } lines[] = {
        { "NOOP ", "\r\n", 512, "250", "500" },
        { "xxx", "\r\n", 512, "500", "500" },
        { "MAIL FROM:<> AUTH=", "\r\n", EG_SMTP_MAIL_MAX, "250", "500" },
        { "AUTH PLAIN ", "\r\n", EG_SMTP_AUTH_MAX + 2, "503", "500" },
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        talk *t = begin(*state);

        print_message("# %s\n", lines[i].begin);
        say(t, READY);
        codes(t);
        say(t, line_of(t, lines[i].begin, lines[i].end, lines[i].max));
        assert_string_equal(codes(t), lines[i].good);
        say(t, "RSET\r\n");
        codes(t);
        say(t, line_of(t, lines[i].begin, lines[i].end, lines[i].max + 1));
        assert_string_equal(codes(t), lines[i].bad);
        say(t, line_of(t, lines[i].begin, lines[i].end, 3000000));
        assert_string_equal(codes(t), lines[i].bad);
        say(t, "NOOP\r\n");
        assert_string_equal(codes(t), "250");
    }
}

static void limits_answers_of_auth(void **state)
{
    talk *t = begin(*state);
    char *line;

    say(t, HELLO "AUTH PLAIN\r\n");
    codes(t);
    line = line_of(t, "AAAA", "\r\n", EG_SMTP_AUTH_MAX + 2);
    memset(line, 'A', EG_SMTP_AUTH_MAX); /* 9,216 NULs */
    say(t, line);
    assert_string_equal(codes(t), "501");
    say(t, "AUTH PLAIN\r\n");
    codes(t);
    line = line_of(t, "AAAA", "\r\n", EG_SMTP_AUTH_MAX + 3);
    say(t, line);
    assert_string_equal(codes(t), "500");
    say(t, "NOOP\r\n");
    assert_string_equal(codes(t), "250");
}

static void ends_after_too_much(void **state)
{
    talk *t = begin(*state);

    for (int i = 0; i < EG_SMTP_ERRORS_MAX; i++) {
        say(t, "x\r\n");
        assert_string_equal(codes(t), "500");
    }
    say(t, "NOOP\r\n");
    assert_string_equal(codes(t), "421");
    assert_int_equal(t->next, EG_SMTP_CLOSE);

    t = begin(*state);
    say(t, READY);
    codes(t);
    say_often(t, "RSET\r\n", 100000);
    assert_int_equal(strlen(codes(t)), 4 * (EG_SMTP_COMMANDS_MAX - 2 + 1) - 1);
    assert_int_equal(t->next, EG_SMTP_CLOSE);

    t = begin(*state);
    say_often(t, HELLO, EG_SMTP_GREETINGS_MAX + EG_SMTP_ERRORS_MAX);
    assert_null(strstr(codes(t), "421"));
    say(t, HELLO);
    assert_string_equal(codes(t), "421");

    t = begin(*state);
    say(t, HELLO "AUTH PLAIN AGFubgB4\r\nAUTH PLAIN AGFubgB4\r\nAUTH PLAIN AGFubgB4\r\n" LOGIN);
    assert_string_equal(codes(t), "250 535 535 535 421");
    t = begin(*state);
    say(t, HELLO "AUTH PLAIN AGF3YXkAeA==\r\nAUTH PLAIN AGF3YXkAeA==\r\nAUTH PLAIN AGF3YXkAeA==\r\n" LOGIN);
    assert_string_equal(codes(t), "250 454 454 454 421");
}

#define TO_BOUNCES HELLO "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\n"

/* Nobody knows it yet: all that it is told has room in the socket. */
static void ends_strangers_early(void **state)
{
    static const struct {
        eg_smtp_mode mode;
        const char *first;
        int more; /* commands that are heard after that */
    } cases[] = {
        { EG_SMTP_SUBMISSION, HELLO, EG_SMTP_STRANGER_COMMANDS_MAX - 1 },
        { EG_SMTP_SUBMISSION, HELLO "AUTH PLAIN AGFubgB4\r\n", EG_SMTP_STRANGER_COMMANDS_MAX - 2 },
        { EG_SMTP_SUBMISSION, READY, EG_SMTP_COMMANDS_MAX - 2 },
        { EG_SMTP_BOUNCES, HELLO "MAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\n",
          EG_SMTP_STRANGER_COMMANDS_MAX - 3 },
        { EG_SMTP_BOUNCES, TO_BOUNCES, EG_SMTP_STRANGER_COMMANDS_MAX + EG_SMTP_STRANGER_MORE - 2 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        talk *t = begin(*state);

        print_message("# %s\n", cases[i].first);
        t->settings.mode = cases[i].mode;
        say(t, cases[i].first);
        say_often(t, "NOOP\r\n", cases[i].more);
        assert_int_equal(t->next, EG_SMTP_READ);
        say(t, "NOOP\r\n");
        assert_int_equal(t->next, EG_SMTP_CLOSE);
    }
}

/* Whatever recipients a stranger knows, without a mail they bring him no further. */
static void ends_strangers_who_bring_no_mail(void **state)
{
    static const char *const rounds[] = {
        "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\nRSET\r\n",
        "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\nRCPT TO:<b+y@example.com>\r\nRCPT "
        "TO:<b+z@example.com>\r\n" HELLO "RSET\r\n",
        "RCPT TO:<b+x@example.com>\r\nMAIL FROM:<>\r\n",
    };
    const int max = EG_SMTP_STRANGER_COMMANDS_MAX + EG_SMTP_STRANGER_MORE;

    for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
        talk *t = begin(*state);

        print_message("# %s\n", rounds[i]);
        t->settings.mode = EG_SMTP_BOUNCES;
        say_often(t, HELLO, 1);
        say_often(t, rounds[i], 100000);
        assert_int_equal(t->next, EG_SMTP_CLOSE);
        assert_true(t->asked > 0 && t->asked < max);
        assert_true(strlen(codes(t)) <= 4 * (size_t)(max + t->settings.recipients_max + 1));
    }
}

/* Only one that is taken: 452 and 550 bring nobody any further. */
static void counts_mails_that_are_taken(void **state)
{
    static const int verdicts[] = { 0, 452, 550 };

    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        talk *t = begin(*state);
        int mails = 0;

        print_message("# %d\n", verdicts[i]);
        t->settings.mode = EG_SMTP_BOUNCES;
        t->verdict = verdicts[i];
        say(t, HELLO);
        for (; mails < 1000 && t->next == EG_SMTP_READ; mails++) {
            say(t, "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\nDATA\r\n");
            say(t, "x\r\n.\r\n");
        }
        assert_int_equal(t->next, verdicts[i] == 0 ? EG_SMTP_READ : EG_SMTP_CLOSE);
        assert_true(verdicts[i] == 0 || (mails >= 30 && mails < 50));
    }
}

/* A mail that is taken shows that all is well. */
static void goes_on_after_mails(void **state)
{
    talk *t = begin(*state);

    say(t, READY);
    for (int i = 0; i < 10 * EG_SMTP_ERRORS_MAX; i++) {
        say(t, HELLO "x\r\n" ENVELOPE "DATA\r\n");
        say(t, "x\r\n.\r\n");
    }
    for (int i = 0; i < EG_SMTP_COMMANDS_MAX - 10; i++) {
        say(t, "NOOP\r\n");
    }
    assert_int_equal(t->next, EG_SMTP_READ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),        EG_TEST(limits_lines),
        EG_TEST(limits_answers_of_auth),      EG_TEST(ends_after_too_much),
        EG_TEST(ends_strangers_early),        EG_TEST(ends_strangers_who_bring_no_mail),
        EG_TEST(counts_mails_that_are_taken), EG_TEST(goes_on_after_mails),
    };
    return EG_TEST_RUN(tests);
}
