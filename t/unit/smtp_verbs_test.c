/* The commands of SMTP but for AUTH and those of a mail: RFC 5321, and its extensions that are offered. */
#include "smtp_talk.h"

static const talk_row rows[] = {
    { "HELO", 0, "HELO x\r\n", "250", "", EG_SMTP_READ },
    { "no name", 0, "EHLO\r\nEHLO \r\nHELO a b\r\n", "501 501 501", "", EG_SMTP_READ },
    { "others", 0, HELLO "NOOP\r\nNOOP x\r\nRSET\r\nVRFY a@b\r\nHELP\r\n", "250 250 250 250 252 214", "",
      EG_SMTP_READ },
    { "others with wrong parameters", 0, HELLO "RSET x\r\nVRFY\r\nDATA x\r\n|STARTTLS x\r\n",
      "250 501 501 501 501", "", EG_SMTP_READ },
    { "what is not there", 0, HELLO "EXPN x\r\nTURN\r\nETRN x\r\nXYZZY\r\n\r\n RSET\r\n",
      "250 502 502 502 500 500 500", "", EG_SMTP_READ },
    { "QUIT with more", 0, "QUIT x\r\n", "221", "", EG_SMTP_CLOSE },
    { "RSET ends a mail", 0, READY ENVELOPE "RSET\r\nDATA\r\n", "250 235 250 250 250 503", "", EG_SMTP_READ },
    { "EHLO ends a mail", 0, READY ENVELOPE HELLO "DATA\r\n", "250 235 250 250 250 503", "", EG_SMTP_READ },
    { "RSET keeps the login", 0, READY "RSET\r\n" ENVELOPE, "250 235 250 250 250", "", EG_SMTP_READ },
    { "broken UTF-8", 0, READY "MAIL FROM:<\xc3@b.test> SMTPUTF8\r\nNOOP \xff\r\n", "250 235 500 500", "",
      EG_SMTP_READ },
    { "a name in another charset", 0, "EHLO M\xdcLLER-PC\r\nHELO M\xdcLLER-PC\r\nEHLO a\tb\r\n",
      "250 250 500", "", EG_SMTP_READ },
    { "control characters", 0, READY "MAIL FROM:<a\tb@b.test>\r\nNOOP \x01\r\nNOOP \x7f\r\n",
      "250 235 500 500 500", "", EG_SMTP_READ },
    { "STARTTLS", 0, HELLO "STARTTLS\r\n", "250 220", "", EG_SMTP_STARTTLS },
    { "STARTTLS where there is none", NO_TLS, HELLO "STARTTLS\r\n", "250 502", "", EG_SMTP_READ },
    { "BDAT", 0, READY ENVELOPE "BDAT 5 LAST\r\n", "250 235 250 250 502", "", EG_SMTP_CLOSE },
    { "HTTP", 0, "POST / HTTP/1.1\r\n", "502", "", EG_SMTP_CLOSE },
    { "HTTP/2", 0, "PRI * HTTP/2.0\r\n", "502", "", EG_SMTP_CLOSE },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

static void offers_what_there_is(void **state)
{
    talk *t = begin(*state);

    eg_smtp_session_greet(t->session);
    assert_string_equal(t->said, "220 mail.example.net ESMTP\r\n");
    t->said = "";
    say(t, HELLO);
    assert_string_equal(t->said, "250-mail.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-STARTTLS\r\n"
                                 "250-AUTH PLAIN LOGIN\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                                 "250 ENHANCEDSTATUSCODES\r\n");
    t->settings.plain_auth = 0;
    t->said = "";
    say(t, HELLO);
    assert_null(strstr(t->said, "AUTH"));
    say(t, "STARTTLS\r\n");
    eg_smtp_session_secured(t->session);
    t->said = "";
    say(t, HELLO);
    assert_non_null(strstr(t->said, "250-AUTH PLAIN LOGIN\r\n"));
    assert_null(strstr(t->said, "STARTTLS"));
    t->settings.mode = EG_SMTP_BOUNCES;
    t->said = "";
    say(t, HELLO);
    assert_null(strstr(t->said, "AUTH"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),
        EG_TEST(offers_what_there_is),
    };
    return EG_TEST_RUN(tests);
}
