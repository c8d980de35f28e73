/* eg_smtp_session: RFC 5321, and what its extensions that are offered say. */
#include "testpool.h"

#include <apr_strings.h>
#include <string.h>

#include "smtp_session.h"

/** Both sides of a connection. */
typedef struct {
    apr_pool_t *pool;
    eg_smtp_settings settings;
    eg_smtp_handler handler;
    eg_smtp_session *session;
    const char *said;   /* all that was sent */
    const char *mails;  /* "sender>recipient,recipient:message|" of each that was handed over */
    const char *logins; /* "name/password|" of each */
    apr_int64_t room;   /* octets */
    int refused;        /* mails */
    int verdict;        /* of the next mail; 0: 250 */
    int utf8;           /* of the last mail */
    eg_smtp_next next;
} talk;

static void hear(void *baton, const char *text, apr_size_t size)
{
    talk *t = baton;

    t->said = apr_pstrcat(t->pool, t->said, apr_pstrmemdup(t->pool, text, size), NULL);
}

static void authenticate(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
                         apr_pool_t *pool)
{
    talk *t = baton;

    (void)pool;
    t->logins = apr_pstrcat(t->pool, t->logins, username, "/", password, "|", NULL);
    if (strcmp(username, "ann") == 0 && strcmp(password, "secret") == 0) {
        *reply = (eg_smtp_reply){ 235, "2.7.0", "Welcome" };
    }
    if (strcmp(username, "away") == 0) {
        *reply = (eg_smtp_reply){ 454, "4.7.0", "Later" };
    }
}

static void recipient(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool)
{
    (void)baton;
    (void)pool;
    if (strncmp(address, "b+", 2) == 0) {
        reply->code = 250;
    }
    if (strncmp(address, "later@", 6) == 0) {
        *reply = (eg_smtp_reply){ 451, "4.3.0", "Later" };
    }
}

static int has_room(void *baton, apr_int64_t size, apr_pool_t *pool)
{
    (void)pool;
    return size <= ((talk *)baton)->room;
}

static void complete(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope, eg_bytes message,
                     apr_pool_t *pool)
{
    talk *t = baton;

    t->mails = apr_pstrcat(t->pool, t->mails, envelope->sender, ">",
                           apr_array_pstrcat(pool, envelope->recipients, ','), ":",
                           apr_pstrmemdup(pool, message.data, message.size), "|", NULL);
    t->utf8 = envelope->utf8;
    if (t->verdict == 0) {
        *reply = (eg_smtp_reply){ 250, "2.0.0", "Ok: queued as 1" };
    }
    else {
        *reply = (eg_smtp_reply){ t->verdict, t->verdict < 500 ? "4.7.1" : "5.7.1", "No:\r\n250 \xc3\xa9" };
    }
}

static void refused(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope)
{
    (void)reply;
    (void)envelope;
    ((talk *)baton)->refused++;
}

/* A submission session without TLS, in which one may log in all the same. */
static talk *begin(apr_pool_t *pool)
{
    talk *t = apr_pcalloc(pool, sizeof *t);

    t->pool = pool;
    t->said = t->mails = t->logins = "";
    t->room = 1000000;
    t->settings = (eg_smtp_settings){ EG_SMTP_SUBMISSION, "mail.example.net", 1000, 3, 0, 1, 1 };
    t->handler = (eg_smtp_handler){ t, hear, authenticate, recipient, has_room, complete, refused };
    t->session = eg_smtp_session_make(&t->settings, &t->handler, pool);
    return t;
}

static void say_bytes(talk *t, const char *data, apr_size_t size)
{
    t->next = eg_smtp_session_feed(t->session, data, size);
}

static void say(talk *t, const char *text)
{
    say_bytes(t, text, strlen(text));
}

/* Each octet in a packet of its own. */
static void say_slowly(talk *t, const char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size && t->next != EG_SMTP_CLOSE; i++) {
        say_bytes(t, data + i, 1);
    }
}

/* The codes of all replies so far, and forget them: "250 354". Of several lines the last one counts. */
static const char *codes(talk *t)
{
    const char *all = "", *line = t->said;

    while (*line != '\0') {
        const char *end = strstr(line, "\r\n");

        assert_non_null(end);
        assert_true(end - line >= 3 && end - line < 511);
        if (line[3] == ' ') {
            all = apr_pstrcat(t->pool, all, *all != '\0' ? " " : "", apr_pstrndup(t->pool, line, 3), NULL);
        }
        line = end + 2;
    }
    t->said = "";
    return all;
}

#define HELLO "EHLO client.example\r\n"
#define LOGIN "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n" /* NUL ann NUL secret */
#define READY HELLO LOGIN
#define ENVELOPE "MAIL FROM:<a@example.com>\r\nRCPT TO:<r@example.org>\r\n"
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define TWO_HUNDRED FIFTY FIFTY FIFTY FIFTY
#define A_THOUSAND TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED TWO_HUNDRED

/* ---- one dialogue a row: whole, and octet by octet ------------------------------------------------------ */

#define BOUNCES 1 /* of a row's how */
#define NO_TLS 2
#define STRICT 4 /* no logging in without TLS */

static const struct {
    const char *what;
    int how;
    const char *input, *codes;
    const char *mails; /* what was handed over */
    eg_smtp_next next;
} rows[] = {
    { "a mail", 0, READY ENVELOPE "DATA\r\n|a: b\r\n\r\nc\r\n.\r\nQUIT\r\n", "250 235 250 250 354 250 221",
      "a@example.com>r@example.org:a: b\r\n\r\nc\r\n|", EG_SMTP_CLOSE },
    { "two mails", 0, READY ENVELOPE "DATA\r\n|x\r\n.\r\n" ENVELOPE "DATA\r\n|y\r\n.\r\n",
      "250 235 250 250 354 250 250 250 354 250",
      "a@example.com>r@example.org:x\r\n|a@example.com>r@example.org:y\r\n|", EG_SMTP_READ },
    { "letter case and blanks", 0,
      "ehlo x\r\nauth plain AGFubgBzZWNyZXQ=\r\nmail from: <> size=5 body=8bitmime\r\nRcpt To: "
      "<r@example.org> \r\n",
      "250 235 250 250", "", EG_SMTP_READ },
    { "HELO", 0, "HELO x\r\n", "250", "", EG_SMTP_READ },
    { "no name", 0, "EHLO\r\nEHLO \r\nHELO a b\r\n", "501 501 501", "", EG_SMTP_READ },
    { "others", 0, HELLO "NOOP\r\nNOOP x\r\nRSET\r\nVRFY a@b\r\nHELP\r\n", "250 250 250 250 252 214", "",
      EG_SMTP_READ },
    { "others with wrong parameters", 0, HELLO "RSET x\r\nVRFY\r\nDATA x\r\n|STARTTLS x\r\n",
      "250 501 501 501 501", "", EG_SMTP_READ },
    { "what is not there", 0, HELLO "EXPN x\r\nTURN\r\nETRN x\r\nXYZZY\r\n\r\n RSET\r\n",
      "250 502 502 502 500 500 500", "", EG_SMTP_READ },
    { "QUIT with more", 0, "QUIT x\r\n", "221", "", EG_SMTP_CLOSE },

    { "MAIL before EHLO", 0, "MAIL FROM:<a@b.test>\r\n", "503", "", EG_SMTP_READ },
    { "MAIL before AUTH", 0, HELLO "MAIL FROM:<a@b.test>\r\n", "250 530", "", EG_SMTP_READ },
    { "AUTH before EHLO", 0, LOGIN, "503", "", EG_SMTP_READ },
    { "RCPT before MAIL", 0, READY "RCPT TO:<r@example.org>\r\n", "250 235 503", "", EG_SMTP_READ },
    { "DATA before MAIL", 0, READY "DATA\r\n", "250 235 503", "", EG_SMTP_READ },
    { "DATA before RCPT", 0, READY "MAIL FROM:<>\r\nDATA\r\n", "250 235 250 554", "", EG_SMTP_READ },
    { "MAIL in a mail", 0, READY ENVELOPE "MAIL FROM:<>\r\n", "250 235 250 250 503", "", EG_SMTP_READ },
    { "AUTH in a mail", 0, READY ENVELOPE LOGIN, "250 235 250 250 503", "", EG_SMTP_READ },
    { "RSET ends a mail", 0, READY ENVELOPE "RSET\r\nDATA\r\n", "250 235 250 250 250 503", "", EG_SMTP_READ },
    { "EHLO ends a mail", 0, READY ENVELOPE HELLO "DATA\r\n", "250 235 250 250 250 503", "", EG_SMTP_READ },
    { "RSET keeps the login", 0, READY "RSET\r\n" ENVELOPE, "250 235 250 250 250", "", EG_SMTP_READ },

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
    { "broken UTF-8", 0, READY "MAIL FROM:<\xc3@b.test> SMTPUTF8\r\nNOOP \xff\r\n", "250 235 500 500", "",
      EG_SMTP_READ },
    { "control characters", 0, READY "MAIL FROM:<a\tb@b.test>\r\nNOOP \x01\r\nNOOP \x7f\r\n",
      "250 235 500 500 500", "", EG_SMTP_READ },

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
    { "a LF alone ends no command", 0, HELLO "NOOP\nNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },
    { "nor does a CR", 0, HELLO "NOOP\rNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },
    { "nor CR CR LF", 0, HELLO "NOOP\r\r\nNOOP\r\n", "250 500", "", EG_SMTP_CLOSE },

    { "AUTH PLAIN in two steps", 0, HELLO "AUTH PLAIN\r\nAGFubgBzZWNyZXQ=\r\n", "250 334 235", "",
      EG_SMTP_READ },
    { "AUTH LOGIN", 0, HELLO "AUTH LOGIN\r\nYW5u\r\nc2VjcmV0\r\n", "250 334 334 235", "", EG_SMTP_READ },
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

    { "STARTTLS", 0, HELLO "STARTTLS\r\n", "250 220", "", EG_SMTP_STARTTLS },
    { "STARTTLS where there is none", NO_TLS, HELLO "STARTTLS\r\n", "250 502", "", EG_SMTP_READ },
    { "BDAT", 0, READY ENVELOPE "BDAT 5 LAST\r\n", "250 235 250 250 502", "", EG_SMTP_CLOSE },
    { "HTTP", 0, "POST / HTTP/1.1\r\n", "502", "", EG_SMTP_CLOSE },
    { "HTTP/2", 0, "PRI * HTTP/2.0\r\n", "502", "", EG_SMTP_CLOSE },

    { "a bounce", BOUNCES, HELLO "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\nDATA\r\n|a\r\n.\r\n",
      "250 250 250 354 250", ">b+x@example.com:a\r\n|", EG_SMTP_READ },
    { "to nobody", BOUNCES, HELLO "MAIL FROM:<c@d.test>\r\nRCPT TO:<x@example.com>\r\nDATA\r\n",
      "250 250 550 554", "", EG_SMTP_READ },
    { "nobody logs in", BOUNCES, READY "AUTH LOGIN\r\n", "250 502 502", "", EG_SMTP_READ },
};

/* A "|" ends a packet: what may not come behind its command in the same one stands behind it. */
static void say_in_packets(talk *t, const char *text, int slowly)
{
    while (*text != '\0' && t->next != EG_SMTP_CLOSE) {
        apr_size_t size = strcspn(text, "|");

        slowly ? say_slowly(t, text, size) : say_bytes(t, text, size);
        text += size + (text[size] == '|');
    }
}

static void answers_as_it_should(void **state)
{
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        int slowly = i % 2 == 1, how = rows[i / 2].how;
        talk *t = begin(*state);

        print_message("# %s%s\n", rows[i / 2].what, slowly ? ", slowly" : "");
        t->settings.mode = how & BOUNCES ? EG_SMTP_BOUNCES : EG_SMTP_SUBMISSION;
        t->settings.starttls = !(how & NO_TLS);
        t->settings.plain_auth = !(how & STRICT);
        say_in_packets(t, rows[i / 2].input, slowly);
        assert_string_equal(codes(t), rows[i / 2].codes);
        assert_string_equal(t->mails, rows[i / 2].mails);
        assert_int_equal(t->next, rows[i / 2].next);
    }
}

/* ---- what a row cannot say ---------------------------------------------------------------------------------- */

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
    codes(t);
    say(t, ENVELOPE "DATA\r\n");
    say_bytes(t, "a\0b\r\n.\r\n", 8);
    assert_string_equal(codes(t), "250 250 354 550");
    assert_int_equal(t->refused, 1);
    assert_int_equal(t->next, EG_SMTP_CLOSE);
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

static char *line_of(talk *t, const char *begin, const char *end, apr_size_t length)
{
    char *line = apr_palloc(t->pool, length + 1);

    memset(line, 'x', length);
    memcpy(line, begin, strlen(begin));
    memcpy(line + length - strlen(end), end, strlen(end) + 1);
    return line;
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

static void say_often(talk *t, const char *text, int count)
{
    for (int i = 0; i < count && t->next == EG_SMTP_READ; i++) {
        say(t, text);
    }
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

/* Nobody knows it yet: all that it is told has room in the socket. */
static void ends_strangers_early(void **state)
{
    static const struct {
        eg_smtp_mode mode;
        const char *first;
        int known;
    } cases[] = {
        { EG_SMTP_SUBMISSION, HELLO, 0 },
        { EG_SMTP_SUBMISSION, HELLO "AUTH PLAIN AGFubgB4\r\n", 0 },
        { EG_SMTP_SUBMISSION, READY, 1 },
        { EG_SMTP_BOUNCES, HELLO "MAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\n", 0 },
        { EG_SMTP_BOUNCES, HELLO "MAIL FROM:<>\r\nRCPT TO:<b+x@example.com>\r\n", 1 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        talk *t = begin(*state);

        print_message("# %s\n", cases[i].first);
        t->settings.mode = cases[i].mode;
        say(t, cases[i].first);
        say_often(t, "NOOP\r\n", EG_SMTP_STRANGER_COMMANDS_MAX - 3);
        assert_int_equal(t->next, EG_SMTP_READ);
        say_often(t, "NOOP\r\n", 4);
        assert_int_equal(t->next, cases[i].known ? EG_SMTP_READ : EG_SMTP_CLOSE);
    }
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
        EG_TEST(offers_what_there_is),
        EG_TEST(forgets_what_came_before_tls),
        EG_TEST(takes_nothing_behind_starttls_or_data),
        EG_TEST(knows_what_a_mail_is),
        EG_TEST(shows_no_line_of_others),
        EG_TEST(limits_lines),
        EG_TEST(limits_answers_of_auth),
        EG_TEST(limits_text_lines),
        EG_TEST(tells_when_there_is_no_room),
        EG_TEST(keeps_large_mails),
        EG_TEST(limits_mails),
        EG_TEST(ends_a_mail_without_end),
        EG_TEST(ends_after_too_much),
        EG_TEST(ends_strangers_early),
        EG_TEST(bears_refused_recipients),
        EG_TEST(counts_no_fault_of_its_own),
        EG_TEST(goes_on_after_mails),
        EG_TEST(stops_between_mails),
        EG_TEST(hands_over_logins),
    };
    return EG_TEST_RUN(tests);
}
