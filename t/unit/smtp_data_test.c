/* DATA and the text of a mail: RFC 5321 sections 4.1.1.4 and 4.5.2. */
#include "smtp_talk.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define TWO_HUNDRED FIFTY FIFTY FIFTY FIFTY

static const talk_row rows[] = {
    { "DATA before MAIL", 0, READY "DATA\r\n", "250 235 503", "", EG_SMTP_READ },
    { "DATA before RCPT", 0, READY "MAIL FROM:<>\r\nDATA\r\n", "250 235 250 554", "", EG_SMTP_READ },
    { "dots", 0, READY ENVELOPE "DATA\r\n|..\r\n...\r\n..x\r\n.y\r\n\r\n.\r\n", "250 235 250 250 354 250",
      "a@example.com>r@example.org:.\r\n..\r\n.x\r\ny\r\n\r\n|", EG_SMTP_READ },
    { "an empty mail", 0, READY ENVELOPE "DATA\r\n|.\r\n", "250 235 250 250 354 250",
      "a@example.com>r@example.org:|", EG_SMTP_READ },
    { "a line of 998", 0, READY ENVELOPE "DATA\r\n|" FIFTY "\r\n.\r\n", "250 235 250 250 354 250",
      "a@example.com>r@example.org:" FIFTY "\r\n|", EG_SMTP_READ },
    { "a mail that is too large", 0,
      READY ENVELOPE "DATA\r\n|" TWO_HUNDRED "\r\n" TWO_HUNDRED "\r\n" TWO_HUNDRED "\r\n" TWO_HUNDRED
                     "\r\n" TWO_HUNDRED "\r\n.\r\nNOOP\r\n",
      "250 235 250 250 354 552 250", "", EG_SMTP_READ },
    { "a bare LF", 0, READY ENVELOPE "DATA\r\n|a\nb\r\n.\r\nNOOP\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "a bare CR", 0, READY ENVELOPE "DATA\r\n|a\rb\r\n.\r\nNOOP\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "LF . LF", 0, READY ENVELOPE "DATA\r\n|a\n.\nMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "LF . CR LF", 0, READY ENVELOPE "DATA\r\n|a\n.\r\nMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "CR LF . LF", 0, READY ENVELOPE "DATA\r\n|a\r\n.\nMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "CR . CR", 0, READY ENVELOPE "DATA\r\n|a\r.\rMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "CR . CR LF", 0, READY ENVELOPE "DATA\r\n|a\r.\r\nMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "CR LF . CR", 0, READY ENVELOPE "DATA\r\n|a\r\n.\rMAIL FROM:<>\r\n.\r\n", "250 235 250 250 354 550", "",
      EG_SMTP_CLOSE },
    { "CR LF . CR CR LF", 0, READY ENVELOPE "DATA\r\n|a\r\n.\r\r\nMAIL FROM:<>\r\n.\r\n",
      "250 235 250 250 354 550", "", EG_SMTP_CLOSE },
    { "CR CR LF . CR CR LF", 0, READY ENVELOPE "DATA\r\n|a\r\r\n.\r\r\nMAIL FROM:<>\r\n.\r\n",
      "250 235 250 250 354 550", "", EG_SMTP_CLOSE },
    { "no end", 0, READY ENVELOPE "DATA\r\n|a\n.\nb\r.\r\n.\r", "250 235 250 250 354", "", EG_SMTP_READ },
};

static void answers_as_it_should(void **state)
{
    talk_rows(rows, sizeof rows / sizeof *rows, *state);
}

static void knows_what_a_mail_is(void **state)
{
    talk *t = begin(*state);

    say(t, READY ENVELOPE "DATA\r\n");
    assert_true(eg_smtp_session_in_data(t->session));
    say(t, "x\r\n.\r\n");
    assert_false(eg_smtp_session_in_data(t->session));
    assert_false(t->utf8);
    say(t, "MAIL FROM:<> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<r@example.org>\r\nDATA\r\n");
    say(t, "x\r\n.\r\n");
    assert_true(t->utf8);
    say(t, ENVELOPE "DATA\r\n");
    say(t, "\xc3\xa9\r\n.\r\n");
    assert_false(t->utf8);
    assert_false(t->secure);
    say(t, "STARTTLS\r\n");
    eg_smtp_session_secured(t->session);
    say(t, READY ENVELOPE "DATA\r\n");
    say(t, "x\r\n.\r\n");
    assert_true(t->secure);
    codes(t);
    say(t, ENVELOPE "DATA\r\n");
    say_bytes(t, "a\0b\r\n.\r\n", 8);
    assert_string_equal(codes(t), "250 250 354 550");
    assert_int_equal(t->refused, 1);
    assert_int_equal(t->next, EG_SMTP_CLOSE);
}

static void limits_text_lines(void **state)
{
    for (apr_size_t length = 998; length <= 999; length++) {
        for (int mode = EG_SMTP_SUBMISSION; mode <= EG_SMTP_BOUNCES; mode++) {
            talk *t = begin(*state);

            t->settings.message_max = 5000;
            t->settings.mode = (eg_smtp_mode)mode;
            say(t, READY "MAIL FROM:<>\r\nRCPT TO:<b+r@example.org>\r\nDATA\r\n");
            codes(t);
            say(t, line_of(t, "..", "\r\n.\r\n", length + 1 + 5));
            assert_string_equal(codes(t), length == 998 || mode == EG_SMTP_BOUNCES ? "250" : "500");
        }
    }
}

static void tells_when_there_is_no_room(void **state)
{
    talk *t = begin(*state);

    t->room = 10;
    say(t, READY ENVELOPE "DATA\r\n");
    say(t, "12345678\r\n.\r\n" ENVELOPE "DATA\r\n");
    codes(t);
    say(t, "123456789\r\n.\r\n" ENVELOPE);
    assert_string_equal(codes(t), "452 250 250");
    assert_string_equal(t->mails, "a@example.com>r@example.org:12345678\r\n|");
}

/* Over what stays in memory, at the borders as well: the same octets come out. */
static void keeps_large_mails(void **state)
{
    static const apr_size_t sizes[] = { 65534, 65535, 65536, 65537, 131072, 300000 };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        talk *t = begin(*state);
        apr_size_t length = sizes[i] - 3; /* without the last line */
        char *text = apr_palloc(t->pool, length + 1);
        const char *all;

        for (apr_size_t at = 0; at < length; at++) {
            text[at] = at % 52 == 50 ? '\r' : at % 52 == 51 ? '\n' : (char)('a' + at % 23);
        }
        text[length] = '\0';
        all = apr_pstrcat(t->pool, text, "x\r\n.\r\n", NULL);
        t->settings.message_max = 300000;
        say(t, READY "MAIL FROM:<>\r\nRCPT TO:<r@example.org>\r\nDATA\r\n");
        for (apr_size_t at = 0; at < length + 6; at += 1000) {
            say_bytes(t, all + at, length + 6 - at < 1000 ? length + 6 - at : 1000);
        }
        assert_string_equal(codes(t), "250 235 250 250 354 250");
        assert_string_equal(t->mails, apr_pstrcat(t->pool, ">r@example.org:", text, "x\r\n|", NULL));
    }
}

/* Of what comes back no more is kept, nor asked room for, than is looked at. */
static void drops_the_rest_of_what_comes_back(void **state)
{
    static const char before[] = ">b+r@example.org:";

    for (int mode = EG_SMTP_SUBMISSION; mode <= EG_SMTP_BOUNCES; mode++) {
        talk *t = begin(*state);
        char *lines = line_of(t, "", "\r\n", 1000);

        t->settings.mode = (eg_smtp_mode)mode;
        t->settings.message_max = EG_RETURNED_SIZE + 500000;
        t->room = EG_RETURNED_SIZE;
        say(t, READY "MAIL FROM:<>\r\nRCPT TO:<b+r@example.org>\r\nDATA\r\n");
        codes(t);
        say_often(t, lines, EG_RETURNED_SIZE / 1000 + 100);
        say(t, ".\r\n");
        assert_string_equal(codes(t), mode == EG_SMTP_BOUNCES ? "250" : "452");
        if (mode == EG_SMTP_BOUNCES) {
            const char *kept = t->mails + strlen(before);

            assert_int_equal(strlen(kept), EG_RETURNED_SIZE + 1);
            assert_memory_equal(kept + 1000 * 70, lines, 1000);
            assert_memory_equal(kept + EG_RETURNED_SIZE - 760, lines, 760);
        }
    }
}

/* At the limit and one octet over it. */
static void limits_mails(void **state)
{
    for (int over = 0; over <= 1; over++) {
        talk *t = begin(*state);

        t->settings.message_max = 150000;
        say(t, READY ENVELOPE "DATA\r\n");
        codes(t);
        for (int i = 0; i < 1500; i++) {
            say(t, FIFTY "01234567890123456789012345678901234567890123456"
                         "x\r\n");
        }
        say(t, over ? "x\r\n.\r\n" : ".\r\n");
        assert_string_equal(codes(t), over ? "552" : "250");
        assert_int_equal(t->refused, over);
    }
}

/* What comes of a mail, whatever it is made of, has an end. */
static void ends_a_mail_without_end(void **state)
{
    static const char octets[] = { 'x', '\r', '\n', '\0' };

    for (size_t i = 0; i < sizeof octets; i++) {
        talk *t = begin(*state);
        char *text = apr_palloc(t->pool, 2000);

        print_message("# %d\n", octets[i]);
        memset(text, octets[i], 2000); /* twice what a mail may have */
        say(t, READY ENVELOPE "DATA\r\n");
        codes(t);
        say_bytes(t, text, 2000);
        assert_string_equal(codes(t), "");
        assert_int_equal(t->next, EG_SMTP_READ);
        say_bytes(t, text, 1);
        assert_string_equal(codes(t), "552");
        assert_int_equal(t->next, EG_SMTP_CLOSE);
        assert_int_equal(t->refused, 1);
        assert_false(eg_smtp_session_in_data(t->session));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(answers_as_it_should),    EG_TEST(knows_what_a_mail_is),
        EG_TEST(limits_text_lines),       EG_TEST(tells_when_there_is_no_room),
        EG_TEST(keeps_large_mails),       EG_TEST(limits_mails),
        EG_TEST(ends_a_mail_without_end), EG_TEST(drops_the_rest_of_what_comes_back),
    };
    return EG_TEST_RUN(tests);
}
