/* MAIL and RCPT: RFC 5321 section 4.1.2, and the extensions that give them parameters. */
#include "smtp_talk.h"

static const talk_row rows[] = {
    { "MAIL before EHLO", 0, "MAIL FROM:<a@b.test>\r\n", "503", "", EG_SMTP_READ },
    { "MAIL before AUTH", 0, HELLO "MAIL FROM:<a@b.test>\r\n", "250 530", "", EG_SMTP_READ },
    { "RCPT before MAIL", 0, READY "RCPT TO:<r@example.org>\r\n", "250 235 503", "", EG_SMTP_READ },
    { "MAIL in a mail", 0, READY ENVELOPE "MAIL FROM:<>\r\n", "250 235 250 250 503", "", EG_SMTP_READ },
    { "no path", 0,
      READY "MAIL\r\nMAIL FROM:\r\nMAIL FROM:a@b.test\r\nMAIL TO:<a@b.test>\r\nMAIL FROM:<a@b.test\r\n",
      "250 235 501 501 501 501 501", "", EG_SMTP_READ },
    { "a route", 0, READY "MAIL FROM:<@c.test:a@b.test>\r\nMAIL FROM:<>\r\nRCPT TO:<@c.test:a@b.test>\r\n",
      "250 235 501 250 501", "", EG_SMTP_READ },
    { "a quoted local part", 0, READY "MAIL FROM:<\"a>b\"@b.test>\r\nRCPT TO:<\"a \\\"b\"@example.org>\r\n",
      "250 235 250 250", "", EG_SMTP_READ },
    { "two paths", 0,
      READY "MAIL FROM:<>\r\nRCPT TO:<a@b.test> <c@d.test>\r\nRCPT TO:<a@b.test><c@d.test>\r\n",
      "250 235 250 555 501", "", EG_SMTP_READ },
    { "no addresses", 0,
      READY "MAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:<a>\r\nRCPT TO:<a@>\r\nRSET\r\nMAIL FROM:<>\r\n"
            "RCPT TO:<a@b@c.test>\r\nRCPT TO:<a@[127.0.0.1]>\r\nRCPT TO:<a b@c.test>\r\nRSET\r\n"
            "MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n",
      "250 235 250 501 501 501 250 250 501 501 501 250 250 501", "", EG_SMTP_READ },
    { "a sender without a domain in the DNS", 0, READY "MAIL FROM:<root@web1>\r\n", "250 235 250", "",
      EG_SMTP_READ },
    { "parameters", 0, READY "MAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8 AUTH=<>\r\n", "250 235 250", "",
      EG_SMTP_READ },
    { "SIZE over the limit", 0, READY "MAIL FROM:<> SIZE=1001\r\n", "250 235 552", "", EG_SMTP_READ },
    { "wrong SIZEs", 0,
      READY "MAIL FROM:<> SIZE\r\nMAIL FROM:<> SIZE=\r\nMAIL FROM:<> SIZE=-1\r\nMAIL FROM:<> SIZE=1x\r\nMAIL "
            "FROM:<> SIZE=9999999999999999999\r\nMAIL FROM:<> SIZE=1 SIZE=1\r\n",
      "250 235 501 501 501 501 501 501", "", EG_SMTP_READ },
    { "wrong values", 0,
      READY
      "MAIL FROM:<> BODY=BINARYMIME\r\nMAIL FROM:<> BODY\r\nMAIL FROM:<> SMTPUTF8=1\r\nMAIL FROM:<> AUTH\r\n",
      "250 235 501 501 501 501", "", EG_SMTP_READ },
    { "parameters that are not offered", 0,
      READY "MAIL FROM:<> RET=HDRS\r\nMAIL FROM:<>\r\nRCPT TO:<r@example.org> NOTIFY=NEVER\r\n",
      "250 235 555 250 555", "", EG_SMTP_READ },
    { "three recipients, and one more", 0,
      READY "MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<a@b.test>\r\nRCPT "
            "TO:<a@b.test>\r\n",
      "250 235 250 250 250 250 452", "", EG_SMTP_READ },
    { "letters that need SMTPUTF8", 0,
      READY "MAIL FROM:<\xc3\xa9@b.test>\r\nMAIL FROM:<>\r\nRCPT TO:<\xc3\xa9@b.test>\r\n",
      "250 235 553 250 553", "", EG_SMTP_READ },
    { "SMTPUTF8", 0, READY "MAIL FROM:<\xc3\xa9@b.test> SMTPUTF8\r\nRCPT TO:<\xc3\xa9@b.test>\r\n",
      "250 235 250 250", "", EG_SMTP_READ },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

/* Of many recipients many may be wrong: the others get their mail all the same. */
static void bears_refused_recipients(void **state)
{
    talk *t = begin(*state);

    t->settings.recipients_max = 3 * EG_SMTP_ERRORS_MAX;
    say(t, READY "MAIL FROM:<>\r\n");
    say_often(t, "RCPT TO:<a>\r\n", 2 * EG_SMTP_ERRORS_MAX);
    codes(t);
    say(t, "RCPT TO:<r@example.org>\r\nDATA\r\n");
    say(t, "x\r\n.\r\n");
    assert_string_equal(codes(t), "250 354 250");
    assert_string_equal(t->mails, ">r@example.org:x\r\n|");

    t = begin(*state);
    say(t, READY "MAIL FROM:<>\r\nRCPT TO:<a>\r\nRCPT TO:<a>\r\nRCPT TO:<r@example.org>\r\n");
    say(t, "RCPT TO:<a>\r\nRCPT TO:<r@example.org>\r\nRCPT TO:<a>\r\nDATA\r\n");
    assert_string_equal(codes(t), "250 235 250 501 501 250 501 452 452 354");
}

static void counts_no_fault_of_its_own(void **state)
{
    talk *t = begin(*state);

    t->settings.mode = EG_SMTP_BOUNCES;
    say(t, HELLO "MAIL FROM:<>\r\n");
    say_often(t, "RCPT TO:<later@example.com>\r\n", EG_SMTP_ERRORS_MAX);
    codes(t);
    say(t, "RSET\r\n");
    assert_string_equal(codes(t), "250");
}

/* They were sent before its reply could be read. */
static void bears_recipients_of_a_refused_mail(void **state)
{
    talk *t = begin(*state);

    say(t, READY "MAIL FROM:<> SIZE=1001\r\n");
    say_often(t, "RCPT TO:<r@example.org>\r\n", 100);
    say(t, "DATA\r\n");
    codes(t);
    say(t, ENVELOPE "DATA\r\n");
    assert_string_equal(codes(t), "250 250 354");

    for (int rset = 0; rset <= 1; rset++) { /* without a MAIL they are errors */
        t = begin(*state);
        say(t, READY);
        say(t, rset ? "MAIL FROM:<> SIZE=1001\r\nRSET\r\n" : "NOOP\r\n");
        say_often(t, "RCPT TO:<r@example.org>\r\n", 100);
        assert_int_equal(t->next, EG_SMTP_CLOSE);
        assert_non_null(strstr(t->said, "\r\n421 "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),
        EG_TEST(bears_refused_recipients),
        EG_TEST(bears_recipients_of_a_refused_mail),
        EG_TEST(counts_no_fault_of_its_own),
    };
    return EG_TEST_RUN(tests);
}
