/* AUTH: RFC 4954, RFC 4616. */
#include "smtp_talk.h"

static const talk_row rows[] = {
    { "AUTH before EHLO", 0, LOGIN, "503", "", EG_SMTP_READ },
    { "AUTH in a mail", 0, READY ENVELOPE LOGIN, "250 235 250 250 503", "", EG_SMTP_READ },
    { "AUTH PLAIN in two steps", 0, HELLO "AUTH PLAIN\r\nAGFubgBzZWNyZXQ=\r\n", "250 334 235", "",
      EG_SMTP_READ },
    { "AUTH LOGIN", 0, HELLO "AUTH LOGIN\r\nYW5u\r\nc2VjcmV0\r\n", "250 334 334 235", "", EG_SMTP_READ },
    { "AUTH with blanks at the ends", 0, HELLO "AUTH LOGIN \r\nYW5u  \r\nc2VjcmV0 \r\n", "250 334 334 235",
      "", EG_SMTP_READ },
    { "AUTH LOGIN with the name", 0, HELLO "AUTH LOGIN YW5u\r\nc2VjcmV0\r\n", "250 334 235", "",
      EG_SMTP_READ },
    { "AUTH for oneself", 0, HELLO "AUTH PLAIN YW5uAGFubgBzZWNyZXQ=\r\n", "250 235", "", EG_SMTP_READ },
    { "AUTH for another one", 0, HELLO "AUTH PLAIN Ym9iAGFubgBzZWNyZXQ=\r\n", "250 501", "", EG_SMTP_READ },
    { "a wrong password", 0, HELLO "AUTH PLAIN AGFubgB4\r\nMAIL FROM:<>\r\n", "250 535 530", "",
      EG_SMTP_READ },
    { "NULs: none, one, three", 0,
      HELLO "AUTH PLAIN YW5u\r\nAUTH PLAIN AGFubg==\r\nAUTH PLAIN AGFubgBzZWNyZXQA\r\n", "250 501 501 501",
      "", EG_SMTP_READ },
    { "NUL in LOGIN", 0, HELLO "AUTH LOGIN YQBi\r\nAUTH LOGIN YW5u\r\nYQBi\r\n", "250 501 334 501", "",
      EG_SMTP_READ },
    { "empty", 0, HELLO "AUTH PLAIN =\r\nAUTH PLAIN\r\n\r\nAUTH LOGIN =\r\nAUTH LOGIN\r\n\r\n",
      "250 501 334 501 501 334 501", "", EG_SMTP_READ },
    { "no base64", 0, HELLO "AUTH PLAIN !\r\nAUTH LOGIN\r\nYW5\r\nAUTH PLAIN AGFubgBzZWNyZXQ= x\r\n",
      "250 501 334 501 501", "", EG_SMTP_READ },
    { "AUTH cancelled", 0, HELLO "AUTH PLAIN\r\n*\r\nAUTH LOGIN YW5u\r\n*\r\nNOOP\r\n",
      "250 334 501 334 501 250", "", EG_SMTP_READ },
    { "AUTH twice", 0, READY LOGIN, "250 235 503", "", EG_SMTP_READ },
    { "AUTH by what is not offered", 0, HELLO "AUTH CRAM-MD5\r\nAUTH\r\nAUTH PLAINS x\r\n", "250 504 504 504",
      "", EG_SMTP_READ },
    { "AUTH without TLS", STRICT, READY "AUTH LOGIN\r\nMAIL FROM:<>\r\n", "250 538 538 530", "",
      EG_SMTP_READ },
    { "nobody logs in", BOUNCES, READY "AUTH LOGIN\r\n", "250 502 502", "", EG_SMTP_READ },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

static void hands_over_logins(void **state)
{
    talk *t = begin(*state);

    say(t, HELLO "AUTH PLAIN AGIAYw==\r\nAUTH LOGIN YW5u\r\nc2VjcmV0\r\n");
    assert_string_equal(t->logins, "b/c|ann/secret|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),
        EG_TEST(hands_over_logins),
    };
    return EG_TEST_RUN(tests);
}
