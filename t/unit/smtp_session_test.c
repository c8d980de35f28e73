/* eg_smtp_session: whole dialogues (RFC 5321), TLS within them, and their end. */
#include "smtp_talk.h"

static const talk_row rows[] = {
    { "a mail", 0, READY ENVELOPE "DATA\r\n|a: b\r\n\r\nc\r\n.\r\nQUIT\r\n", "250 235 250 250 354 250 221",
      "a@example.com>r@example.org:a: b\r\n\r\nc\r\n|", EG_SMTP_CLOSE },
    { "two mails", 0, READY ENVELOPE "DATA\r\n|x\r\n.\r\n" ENVELOPE "DATA\r\n|y\r\n.\r\n",
      "250 235 250 250 354 250 250 250 354 250",
      "a@example.com>r@example.org:x\r\n|a@example.com>r@example.org:y\r\n|", EG_SMTP_READ },
    { "letter case and blanks", 0,
      "ehlo x\r\nauth plain AGFubgBzZWNyZXQ=\r\nmail from: <> size=5 body=8bitmime\r\nRcpt To: "
      "<r@example.org> \r\n",
      "250 235 250 250", "", EG_SMTP_READ },
    { "a bounce", BOUNCES, HELLO "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\nDATA\r\n|a\r\n.\r\n",
      "250 250 250 354 250", ">b+x@example.com:a\r\n|", EG_SMTP_READ },
    { "to nobody", BOUNCES, HELLO "MAIL FROM:<c@d.test>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n",
      "250 250 550 554", "", EG_SMTP_READ },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

/* What the handler says comes out as one line of ASCII. */
static void shows_no_line_of_others(void **state)
{
    talk *t = begin(*state);

    t->verdict = 550;
    say(t, READY ENVELOPE "DATA\r\n");
    codes(t);
    say(t, "x\r\n.\r\n");
    assert_string_equal(t->said, "550 5.7.1 No:??250 ??\r\n");
    t->said = "";
    t->verdict = 451;
    say(t, ENVELOPE "DATA\r\n");
    say(t, "x\r\n.\r\n" ENVELOPE);
    assert_string_equal(codes(t), "250 250 354 451 250 250");
}

static void forgets_what_came_before_tls(void **state)
{
    talk *t = begin(*state);

    say(t, READY ENVELOPE "STARTTLS\r\n");
    assert_int_equal(t->next, EG_SMTP_STARTTLS);
    eg_smtp_session_secured(t->session);
    codes(t);
    say(t, "DATA\r\nMAIL FROM:<>\r\n");
    assert_int_equal(t->next, EG_SMTP_CLOSE); /* something stands behind DATA */
    t = begin(*state);
    say(t, READY "STARTTLS\r\n");
    eg_smtp_session_secured(t->session);
    codes(t);
    say(t, "MAIL FROM:<>\r\n" HELLO "MAIL FROM:<>\r\nSTARTTLS\r\n");
    assert_string_equal(codes(t), "503 250 530 503");
}

static void takes_nothing_behind_starttls_or_data(void **state)
{
    talk *t = begin(*state);

    say(t, HELLO "STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n");
    assert_string_equal(codes(t), "250 554");
    assert_int_equal(t->next, EG_SMTP_CLOSE);
    say(t, "NOOP\r\n");
    assert_string_equal(codes(t), "");
    t = begin(*state);
    say(t, READY ENVELOPE "DATA\r\nx\r\n.\r\n");
    assert_string_equal(codes(t), "250 235 250 250 554");
    assert_int_equal(t->next, EG_SMTP_CLOSE);
    assert_string_equal(t->mails, "");
}

static void stops_between_mails(void **state)
{
    talk *t = begin(*state);

    say(t, READY ENVELOPE "DATA\r\n");
    eg_smtp_session_stop(t->session);
    codes(t);
    say(t, "x\r\n.\r\n");
    assert_string_equal(codes(t), "250");
    say(t, "MAIL FROM:<>\r\n");
    assert_string_equal(t->said, "421 4.3.2 The server restarts: try again\r\n");
    assert_int_equal(t->next, EG_SMTP_CLOSE);
    t = begin(*state);
    eg_smtp_session_stop(t->session);
    say(t, "QUIT\r\n");
    assert_string_equal(codes(t), "221");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),         EG_TEST(shows_no_line_of_others),
        EG_TEST(forgets_what_came_before_tls), EG_TEST(takes_nothing_behind_starttls_or_data),
        EG_TEST(stops_between_mails),
    };
    return EG_TEST_RUN(tests);
}
