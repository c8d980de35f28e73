/* eg_smtp_message_read to eg_smtp_message_make: what of a message handed in is refused, and in which words. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "smtp_message.h"

#define X60 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *what, *message, *reply; /* "code enhanced", and words of its text; NULL: it is taken */
} cases[] = {
    { "a plain one", "From: a@mine.example\r\n\r\nx\r\n", NULL },
    { "a name with an at sign in quotes", "From: \"ceo@bank.example\" <a@mine.example>\r\n\r\nx\r\n", NULL },
    { "two addresses", "From: a@mine.example, b@mine.example\r\n\r\nx\r\n",
      "550 5.1.7 From must have exactly one" },
    { "a name that is an address", "From: ceo@bank.example <a@mine.example>\r\n\r\nx\r\n",
      "550 5.1.7 From must have no group" },
    { "a group", "From: ceo@bank.example: a@mine.example;\r\n\r\nx\r\n",
      "550 5.1.7 From must have no group" },
    { "an empty group", "From: ceo@bank.example:;, a@mine.example\r\n\r\nx\r\n",
      "550 5.1.7 From must have no group" },
    { "a comment", "From: a@mine.example (Ann (of Mine))\r\n\r\nx\r\n", NULL },
    { "a comment that is an address", "From: (ceo@bank.example) a@mine.example\r\n\r\nx\r\n",
      "550 5.1.7 From must have no group, no @ in a comment" },
    { "one behind it, folded", "From: <a@mine.example>\r\n (ceo@\r\n bank.example)\r\n\r\nx\r\n",
      "550 5.1.7 From must have" },
    { "an encoded one", "From: (=?utf-8?q?ceo=40bank.example?=) a@mine.example\r\n\r\nx\r\n",
      "550 5.1.7 From must have" },
    { "a Sender with a comment", "From: a@mine.example\r\nSender: b@mine.example (Ben)\r\n\r\nx\r\n", NULL },
    { "a Sender with a comment that is an address",
      "From: a@mine.example\r\nSender: (ceo@bank.example) b@mine.example\r\n\r\nx\r\n",
      "550 5.1.7 Sender must have no group, no @ in a comment" },
    { "a Sender whose name is an address",
      "From: a@mine.example\r\nSender: ceo@bank.example <b@mine.example>\r\n\r\nx\r\n",
      "550 5.1.7 Sender must have" },
    { "a Sender that does not stay",
      "From: a@mine.example\r\nSender: (ceo@bank.example) b@other.example\r\n\r\nx\r\n", NULL },
    { "a media type with a parameter that is not in ASCII",
      "From: a@mine.example\r\nContent-Type: text/plain; x=\"\xc3\xa9\"\r\n\r\nx\r\n", NULL },
    { "one whose name is not",
      "From: a@mine.example\r\nContent-Type: text/plain; \xc3\xa9=1; charset=utf-8\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Type has" },
    { "a piece of a name that no line can hold",
      "From: a@mine.example\r\nContent-Disposition: inline; filename*1=\"" X60 X60 X60 X60
      "\xc3\xa9\"\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Disposition has" },
    { "a media type that is not", "From: a@mine.example\r\nContent-Disposition: \xc3\xa9; x=1\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Disposition has" },
    { "a boundary that is not",
      "From: a@mine.example\r\nContent-Type: multipart/mixed; boundary=\xc3\xa9\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Type has" },
    { "no tags", "From: a@mine.example\r\nX-EG-Tags:\r\n\r\nx\r\n", NULL },
    { "no time", "From: a@mine.example\r\nX-EG-Send-At: \r\n\r\nx\r\n",
      "550 5.6.0 Invalid X-EG-Send-At: it is empty" },
    { "no word that says more", "From: a@mine.example\r\nX-EG-Send-At:\r\n =?utf-8?q?\?=\r\n\r\nx\r\n",
      "550 5.6.0 Invalid X-EG-Send-At: it is empty" },
    { "neither yes nor no", "From: a@mine.example\r\nX-EG-Track-Links:\r\n\r\nx\r\n",
      "550 5.6.0 Invalid X-EG-Track-Links: it is empty" },
    { "nor here", "From: a@mine.example\r\nX-EG-Track-Opens:\t\r\n\r\nx\r\n",
      "550 5.6.0 Invalid X-EG-Track-Opens: it is empty" },
    { "no TLS", "From: a@mine.example\r\nX-EG-TLS:\r\n\r\nx\r\n", "550 5.6.0 Invalid X-EG-TLS: " },
    { "a field twice", "From: a@mine.example\r\nX-EG-Tags: a\r\nx-eg-tags: b\r\n\r\nx\r\n",
      "554 5.6.0 The header has more than one X-EG-Tags" },
    { "a key twice", "From: a@mine.example\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\n\r\nx\r\n",
      "554 5.6.0 The header has more than one Idempotency-Key" },
    { "an encoding with bytes over 127",
      "From: a@mine.example\r\nContent-Transfer-Encoding: 7bit (\xc3\xa9)\r\n\r\nx\r\n",
      "554 5.6.0 The header field Content-Transfer-Encoding has" },
};

static void start(eg_smtp_message *m, eg_call *call, apr_pool_t *pool)
{
    static const eg_limits limits = { .submission_host = "mx.example.com" };
    static const eg_smtp_login login = { 1, 1, { 0 } };
    eg_smtp_envelope *envelope = apr_pcalloc(pool, sizeof *envelope);

    envelope->sender = "";
    envelope->recipients = apr_array_make(pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(envelope->recipients, const char *) = "ann@example.org";
    *call = (eg_call){ .limits = &limits, .now = apr_time_from_sec(1800000000), .pool = pool };
    *m = (eg_smtp_message){ .call = call,
                            .envelope = envelope,
                            .login = &login,
                            .message_id = "01980000-0000-7000-8000-000000000001" };
}

/* The sender reads what is stored, with all its parts. */
static void require_readable(const eg_smtp_message *m, apr_pool_t *pool)
{
    const char *problem;
    eg_rawmail mail;

    assert_int_equal(eg_rawmail_parse(&mail, &problem, m->mail.raw, pool), APR_SUCCESS);
    assert_int_equal(mail.parts->nelts, m->raw.parts->nelts);
}

/* @return the reply, or NULL when it is taken */
static const char *hand_in(const char *message, apr_pool_t *pool)
{
    eg_smtp_message m;
    eg_call call;

    start(&m, &call, pool);
    if (eg_smtp_message_read(&m, (eg_bytes){ message, strlen(message) }) && eg_smtp_message_addresses(&m) &&
        eg_smtp_message_options(&m) && eg_smtp_message_make(&m)) {
        require_readable(&m, pool);
        return NULL;
    }
    return apr_psprintf(pool, "%d %s %s", m.reply.code, m.reply.enhanced, m.reply.text);
}

static void takes_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *reply = hand_in(cases[i].message, *state);

        print_message("# %s: %s\n", cases[i].what, reply != NULL ? reply : "taken");
        assert_int_equal(reply == NULL, cases[i].reply == NULL);
        if (reply != NULL) {
            assert_memory_equal(reply, cases[i].reply, strlen(cases[i].reply));
        }
    }
}

/* @return before, count times the piece, behind */
static const char *repeat(const char *before, const char *piece, int count, const char *behind,
                          apr_pool_t *pool)
{
    apr_array_header_t *pieces = apr_array_make(pool, count + 2, sizeof(const char *));

    APR_ARRAY_PUSH(pieces, const char *) = before;
    while (count-- > 0) {
        APR_ARRAY_PUSH(pieces, const char *) = piece;
    }
    APR_ARRAY_PUSH(pieces, const char *) = behind;
    return apr_array_pstrcat(pool, pieces, 0);
}

#define BODY "\r\n\xc3\xbc and more\r\n" /* gets a type and an encoding */
#define LINE " y\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"

/* Whatever is put in: each is refused, or can be read. */
static void leaves_room_for_its_own_fields(void **state)
{
    static const char refused[] = "554 5.6.0 A header of the message has over 996 fields or 261120 bytes";
    static const struct {
        const char *before, *behind;
    } where[] = { { "", BODY }, { MIXED, BODY "--b--\r\n" } };

    for (int i = 0; i < 2; i++) {
        const char *header = apr_pstrcat(*state, where[i].before, "X:", NULL);

        for (int fields = EG_RAW_FIELDS_MAX - 6; fields <= EG_RAW_FIELDS_MAX; fields++) {
            const char *reply =
                hand_in(repeat(where[i].before, "X:" LINE, fields, where[i].behind, *state), *state);

            print_message("# %d fields\n", fields);
            assert_int_equal(reply == NULL, fields <= 996);
            assert_true(reply == NULL || strcmp(reply, refused) == 0);
        }
        for (int size = EG_RAW_HEADER_MAX - 2048; size < EG_RAW_HEADER_MAX; size += 64) {
            const char *reply = hand_in(repeat(header, LINE, size / 4, where[i].behind, *state), *state);

            print_message("# %d bytes\n", size);
            assert_int_equal(reply == NULL, size + 2 <= 261120);
            assert_true(reply == NULL || strcmp(reply, refused) == 0);
        }
    }
}

/* RFC 3848, RFC 6531 section 4.3. */
static void tells_the_protocol(void **state)
{
    static const char message[] = "From: a@mine.example\r\n\r\nx\r\n";
    static const char *const protocols[] = { " ESMTPA ", " ESMTPSA ", " UTF8SMTPA ", " UTF8SMTPSA " };

    for (int i = 0; i < 4; i++) {
        eg_smtp_message m;
        eg_smtp_envelope envelope;
        eg_call call;

        start(&m, &call, *state);
        envelope = *m.envelope;
        envelope.secure = i % 2;
        envelope.utf8 = i / 2;
        m.envelope = &envelope;
        assert_true(eg_smtp_message_read(&m, (eg_bytes){ message, strlen(message) }) &&
                    eg_smtp_message_addresses(&m) && eg_smtp_message_options(&m) && eg_smtp_message_make(&m));
        assert_non_null(strstr(apr_pstrmemdup(*state, m.mail.raw.data, m.mail.raw.size), protocols[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(takes_or_refuses),
        EG_TEST(leaves_room_for_its_own_fields),
        EG_TEST(tells_the_protocol),
    };

    return EG_TEST_RUN(tests);
}
