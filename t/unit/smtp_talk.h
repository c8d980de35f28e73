/* What the tests of an SMTP session share: both sides of a connection, and dialogues as rows. */
#ifndef SMTP_TALK_H
#define SMTP_TALK_H

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
    int asked;          /* recipients, of bounces */
    int verdict;        /* of the next mail; 0: 250 */
    int utf8, secure;   /* of the last mail */
    eg_smtp_next next;
} talk;

static inline void hear(void *baton, const char *text, apr_size_t size)
{
    talk *t = baton;

    t->said = apr_pstrcat(t->pool, t->said, apr_pstrmemdup(t->pool, text, size), NULL);
}

static inline void authenticate(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
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

static inline void recipient(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool)
{
    (void)pool;
    ((talk *)baton)->asked++;
    if (strncmp(address, "b+", 2) == 0) {
        reply->code = 250;
    }
    if (strncmp(address, "later@", 6) == 0) {
        *reply = (eg_smtp_reply){ 451, "4.3.0", "Later" };
    }
}

static inline int has_room(void *baton, apr_int64_t size, apr_pool_t *pool)
{
    (void)pool;
    return size <= ((talk *)baton)->room;
}

static inline void complete(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope,
                            eg_bytes message, apr_pool_t *pool)
{
    talk *t = baton;

    t->mails = apr_pstrcat(t->pool, t->mails, envelope->sender, ">",
                           apr_array_pstrcat(pool, envelope->recipients, ','), ":",
                           apr_pstrmemdup(pool, message.data, message.size), "|", NULL);
    t->utf8 = envelope->utf8;
    t->secure = envelope->secure;
    if (t->verdict == 0) {
        *reply = (eg_smtp_reply){ 250, "2.0.0", "Ok: queued as 1" };
    }
    else {
        *reply = (eg_smtp_reply){ t->verdict, t->verdict < 500 ? "4.7.1" : "5.7.1", "No:\r\n250 \xc3\xa9" };
    }
}

static inline void refused(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope)
{
    (void)reply;
    (void)envelope;
    ((talk *)baton)->refused++;
}

/* A submission session without TLS, in which one may log in all the same. */
static inline talk *begin(apr_pool_t *pool)
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

static inline void say_bytes(talk *t, const char *data, apr_size_t size)
{
    t->next = eg_smtp_session_feed(t->session, data, size);
}

static inline void say(talk *t, const char *text)
{
    say_bytes(t, text, strlen(text));
}

/* Each octet in a packet of its own. */
static inline void say_slowly(talk *t, const char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size && t->next != EG_SMTP_CLOSE; i++) {
        say_bytes(t, data + i, 1);
    }
}

/* The codes of all replies so far, and forget them: "250 354". Of several lines the last one counts. */
static inline const char *codes(talk *t)
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

static inline void say_often(talk *t, const char *text, int count)
{
    for (int i = 0; i < count && t->next == EG_SMTP_READ; i++) {
        say(t, text);
    }
}

/* A line of so many octets in all. */
static inline char *line_of(talk *t, const char *begin, const char *end, apr_size_t length)
{
    char *line = apr_palloc(t->pool, length + 1);

    memset(line, 'x', length);
    memcpy(line, begin, strlen(begin));
    memcpy(line + length - strlen(end), end, strlen(end) + 1);
    return line;
}

#define HELLO "EHLO client.example\r\n"
#define LOGIN "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n" /* NUL ann NUL secret */
#define READY HELLO LOGIN
#define ENVELOPE "MAIL FROM:<a@example.com>\r\nRCPT TO:<r@example.org>\r\n"

/* ---- one dialogue a row: whole, and octet by octet ------------------------------------------------------ */

#define BOUNCES 1 /* of a row's how */
#define NO_TLS 2
#define STRICT 4 /* no logging in without TLS */

typedef struct {
    const char *what;
    int how;
    const char *input, *codes;
    const char *mails; /* what was handed over */
    eg_smtp_next next;
} talk_row;

/* A "|" ends a packet: what may not come behind its command in the same one stands behind it. */
static inline void say_in_packets(talk *t, const char *text, int slowly)
{
    while (*text != '\0' && t->next != EG_SMTP_CLOSE) {
        apr_size_t size = strcspn(text, "|");

        slowly ? say_slowly(t, text, size) : say_bytes(t, text, size);
        text += size + (text[size] == '|');
    }
}

static inline void talk_rows(const talk_row *rows, size_t count, apr_pool_t *pool)
{
    for (size_t i = 0; i < 2 * count; i++) {
        int slowly = i % 2 == 1, how = rows[i / 2].how;
        talk *t = begin(pool);

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

#endif
