/* egs_raw_render: what a message that its client wrote gets, and what of it stays. */
#include "testpool.h"

#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "json.h"
#include "raw.h"

#define FROM "From: shop@example.com\r\n"
#define OWN                                                                                                  \
    FROM "Date: x\r\nMessage-ID: <x>\r\nMIME-Version: 1.0\r\nFeedback-ID: x\r\n" /* nothing is missing */
#define UE20                                                                                                 \
    "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3"   \
    "\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc"
#define UE100 UE20 UE20 UE20 UE20 UE20
#define PC5 "%C3%BC%C3%BC%C3%BC%C3%BC%C3%BC"
#define PC20 PC5 PC5 PC5 PC5
#define PC100 PC20 PC20 PC20 PC20 PC20
#define HTML "<a href=\"https://shop.example/\">x</a>\r\n"

static egs_content make_content(const char *raw, apr_pool_t *pool)
{
    egs_content content = { .account_id = 1,
                            .message_id = "01980000-0000-7000-8000-000000000001",
                            .domain = "example.com",
                            .from_email = "own@example.com",
                            .from_name = "Own",
                            .domain_id = 2,
                            .date = apr_time_from_sec(1800000000),
                            .raw = { raw, strlen(raw) } };

    content.reply_to = eg_json_own(json_pack("[{s:s, s:s}]", "email", "re@example.com", "name", ""), pool);
    return content;
}

static const char *render(const egs_content *content, egs_links *links, apr_pool_t *pool)
{
    eg_bytes message;

    assert_int_equal(egs_raw_render(&message, 100, content, links, pool), APR_SUCCESS);
    memset((char *)message.data - 100, 'x', 100);
    return apr_pstrmemdup(pool, message.data, message.size);
}

static const struct {
    const char *what, *raw, *rendered;
} cases[] = {
    { "nothing is missing", OWN "Reply-To: x@example.com\r\n\r\n body \r\n",
      OWN "Reply-To: x@example.com\r\n\r\n body \r\n" },
    { "all is missing", "X: y\r\n\r\nbody\r\n",
      "X: y\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\nFrom: Own <own@example.com>\r\nReply-To: "
      "re@example.com\r\n"
      "Message-ID: <01980000-0000-7000-8000-000000000001@example.com>\r\n"
      "Feedback-ID: l0:d2:a1:ega379a6f6eeaf\r\nMIME-Version: 1.0\r\n\r\nbody\r\n" },
    { "a header alone", OWN, OWN "Reply-To: re@example.com\r\n\r\n" },
    { "its last line has no end", OWN "X: y", OWN "X: y\r\nReply-To: re@example.com\r\n\r\n" },
    { "Subject in UTF-8", OWN "Reply-To: x\r\nSubject:  Gr\xc3\xbc\xc3\x9f\r\n  you\r\n\r\n",
      OWN "Reply-To: x\r\nSubject: =?utf-8?B?R3LDvMOfICB5b3U=?=\r\n\r\n" },
    { "with words that were encoded already", OWN "Reply-To: x\r\nX : =?utf-8?Q?=C3=BC?= \xc3\xbc\r\n\r\n",
      OWN "Reply-To: x\r\nX: =?utf-8?B?w7wgw7w=?=\r\n\r\n" },
    { "addresses in UTF-8",
      OWN "Reply-To: \xc3\xbc (x) <a@example.com>, G: b@b\xc3\xbc"
          "cher.example;\r\n\r\n",
      OWN "Reply-To: =?utf-8?B?w7w=?= <a@example.com>, b@xn--bcher-kva.example\r\n\r\n" },
    { "parameters in UTF-8",
      OWN "Reply-To: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: "
          "attachment;\r\n "
          "size=1; filename=\"\xc3\xbc \\\"x\\\".txt\"\r\nContent-Description: \xc3\xbc\r\n\r\n--b--\r\n",
      OWN "Reply-To: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: "
          "attachment;\r\n "
          "size=\"1\";\r\n filename*=utf-8''%C3%BC%20%22x%22.txt\r\nContent-Description: "
          "=?utf-8?B?w7w=?=\r\n\r\n--b--\r\n" },
    { "a boundary stays what the body has",
      OWN
      "Reply-To: x\r\nContent-Type: multipart/mixed; boundary=\"a\tb\"; x=\"\xc3\xbc\"\r\n\r\n--a\tb\r\n\r\n"
      "hi\r\n--a\tb--\r\n",
      OWN "Reply-To: x\r\nContent-Type: multipart/mixed;\r\n boundary=\"a\tb\";\r\n x*=utf-8''%C3%BC\r\n\r\n"
          "--a\tb\r\n\r\nhi\r\n--a\tb--\r\n" },
    { "a parameter too long for a line",
      OWN "Reply-To: x\r\nContent-Disposition: attachment; filename=\"" UE100 UE100 "\"\r\n\r\n",
      OWN "Reply-To: x\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''" PC100 PC20
          ";\r\n filename*1*=" PC20 PC20 PC20 PC20 "\r\n\r\n" },
    { "a name in both forms: the one that readers prefer",
      OWN "Reply-To: x\r\nContent-Disposition: attachment; filename=\"\xc3\xbc\"; "
          "filename*=UTF-8''%C3%BC\r\n\r\n",
      OWN "Reply-To: x\r\nContent-Disposition: attachment;\r\n filename*=UTF-8''%C3%BC\r\n\r\n" },
    { "pieces of a name keep their numbers",
      OWN
      "Reply-To: x\r\nContent-Disposition: attachment; filename*0*=utf-8''%C3; filename*1=\"\xc3\xbc %\"; "
      "filename*2*=\xc3\xbc%20\r\n\r\n",
      OWN "Reply-To: x\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''%C3;\r\n "
          "filename*1*=%C3%BC%20%25;\r\n filename*2*=%C3%BC%20\r\n\r\n" },
    { "an encoding that cannot be written otherwise",
      OWN "Reply-To: x\r\nContent-Transfer-Encoding: base64 (\xc3\xbc)\r\n\r\neA==\r\n",
      OWN "Reply-To: x\r\nContent-Transfer-Encoding: base64 (\xc3\xbc)\r\n\r\neA==\r\n" },
    { "not in what is enclosed", OWN "Reply-To: x\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n",
      OWN "Reply-To: x\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" },
};

static void changes_what_it_must(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        egs_content content = make_content(cases[i].raw, *state);
        egs_links links = { 0 };

        print_message("# %s\n", cases[i].what);
        assert_string_equal(render(&content, &links, *state), cases[i].rendered);
    }
}

static void refuses_what_is_no_message(void **state)
{
    egs_content content = make_content("no field\r\n", *state);
    egs_links links = { 0 };
    eg_bytes message;

    assert_int_equal(egs_raw_render(&message, 0, &content, &links, *state), APR_EINVAL);
}

/* ---- tracking -------------------------------------------------------------------------------------- */

static const eg_secret *load_secret(apr_pool_t *pool)
{
    char path[] = "/tmp/raw_test.XXXXXX";
    const char *problem, *file;
    eg_secret *secret;

    assert_non_null(mkdtemp(path));
    file = apr_pstrcat(pool, path, "/secret", NULL);
    assert_int_equal(eg_secret_create(file, pool), APR_SUCCESS);
    assert_int_equal(eg_secret_load(&secret, &problem, file, pool), APR_SUCCESS);
    unlink(file);
    rmdir(path);
    return secret;
}

#define LINK "<a href=http://s.example/>x</a>"
#define HTML10 LINK LINK LINK LINK LINK LINK LINK LINK LINK LINK
#define TYPE(type) "Content-Type: " type "\r\n"

/* How many links, pixels and unsubscribe links of ours there are; a negative number: all is as it was. */
static const struct {
    const char *what, *header, *body;
    int clicks, opens, unsubscribes;
} texts[] = {
    { "HTML", TYPE("text/html"), HTML, 1, 1, 1 },
    { "in Latin-1", TYPE("text/html; charset=ISO-8859-1") "Content-Transfer-Encoding: quoted-printable\r\n",
      "=FC" HTML, -1, 0, 0 },
    { "in Latin-1 as it must be", TYPE("text/html; charset=ISO-8859-1"), HTML, 1, 1, 1 },
    { "plain text", TYPE("text/plain; charset=\"us-ascii\""), "https://shop.example/\r\n", 1, 0, 1 },
    { "no type", "", "https://shop.example/\r\n", 1, 0, 1 },
    { "in base64", TYPE("text/plain") "Content-Transfer-Encoding: base64\r\n", "aHR0cHM6Ly9zaG9wLmV4YW1wbGUv",
      -1, 0, 0 },
    { "a charset that is not known", TYPE("text/html; charset=utf-16"), HTML, -1, 0, 0 },
    { "an attachment", TYPE("text/html") "Content-Disposition: attachment\r\n", HTML, -1, 0, 0 },
    { "with the name of a file", TYPE("text/html; name=x"), HTML, -1, 0, 0 },
    { "no text for readers", TYPE("text/calendar"), HTML, -1, 0, 0 },
    { "an encoding that is not known", TYPE("text/html") "Content-Transfer-Encoding: x-y\r\n", HTML, -1, 0,
      0 },
    { "a mail enclosed", TYPE("message/rfc822"), TYPE("text/html") "\r\n" HTML, -1, 0, 0 },
    { "signed", TYPE("multipart/signed; boundary=b"), "--b\r\n" TYPE("text/html") "\r\n" HTML "--b--\r\n", -1,
      0, 0 },
    { "broken", TYPE("multipart/mixed; boundary=b"), "--b\r\n" TYPE("text/html") "\r\n" HTML, -1, 0, 0 },
    { "two of each", TYPE("multipart/mixed; boundary=b"),
      "--b\r\n" TYPE("text/html") "\r\n" HTML "\r\n--b\r\n" TYPE(
          "text/html") "\r\n" HTML "\r\n--b\r\n\r\nhttps://shop.example/\r\n--b\r\n\r\nhttps://shop.example/"
                       "\r\n--b--\r\n",
      4, 1, 2 },
    { "a part that is a header alone", TYPE("multipart/alternative; boundary=b"),
      "--b\r\n" TYPE("text/plain") "\r\n--b\r\n" TYPE("text/html") "\r\n" HTML "\r\n--b--\r\n", 1, 1, 1 },
    { "one without an empty line", TYPE("multipart/alternative; boundary=b"),
      "--b\r\n" TYPE("text/plain") "--b\r\n" TYPE("text/html") "--b--\r\n", -1, 0, 0 },
    { "an empty text behind its header", TYPE("multipart/alternative; boundary=b"),
      "--b\r\n" TYPE("text/plain") "\r\n\r\n--b--\r\n", 0, 0, 1 },
    { "NULs", TYPE("text/html") "Content-Transfer-Encoding: quoted-printable\r\n", "=00" HTML, -1, 0, 0 },
    { "8-bit that is no UTF-8",
      TYPE("text/html; charset=utf-8") "Content-Transfer-Encoding: quoted-printable\r\n", "=FC" HTML, -1, 0,
      0 },
};

static int count(const char *text, const char *word)
{
    int found = 0;

    for (; (text = strstr(text, word)) != NULL; text += strlen(word)) {
        found++;
    }
    return found;
}

static void tracks_what_readers_are_shown(void **state)
{
    const eg_secret *secret = load_secret(*state);

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *raw = apr_pstrcat(*state, OWN "Reply-To: x\r\nList-Unsubscribe: x\r\n", texts[i].header,
                                      "\r\n", texts[i].body, NULL);
        egs_content content = make_content(raw, *state);
        egs_job job = {
            .content = &content, .account_id = 1, .message_id = content.message_id, .recipient_no = 1
        };
        const char *rendered;
        egs_links links;

        print_message("# %s\n", texts[i].what);
        content.tracking_url = "https://t.example";
        content.track_links = content.track_opens = content.unsubscribe_link = 1;
        assert_int_equal(egs_track_links(&links, &job, secret, *state), APR_SUCCESS);
        rendered = render(&content, &links, *state);
        if (texts[i].clicks < 0 && texts[i].opens == 0 && strstr(texts[i].what, "Latin-1") == NULL &&
            strstr(texts[i].what, "base64") == NULL) {
            assert_string_equal(rendered, raw);
        }
        else if (texts[i].clicks >= 0) {
            assert_int_equal(count(rendered, "https://t.example/e/c/"), texts[i].clicks);
            assert_int_equal(count(rendered, "https://t.example/e/o/"), texts[i].opens);
            assert_int_equal(count(rendered, "https://t.example/e/u/"), texts[i].unsubscribes);
        }
        else {
            assert_string_not_equal(rendered,
                                    raw); /* encoded: looked at end to end, in t/sender/submitted.t */
        }
    }
}

/* Links make the line too long, and the body and its encoding are written anew. */
static void tracks_what_has_another_encoding_then(void **state)
{
    const char *raw =
        apr_pstrcat(*state, OWN TYPE("text/html") "Content-Transfer-Encoding: 7bit (\xc3\xbc)\r\n\r\n",
                    HTML10 HTML10 "\r\n", NULL);
    egs_content content = make_content(raw, *state);
    egs_job job = {
        .content = &content, .account_id = 1, .message_id = content.message_id, .recipient_no = 1
    };
    const char *rendered;
    egs_links links;

    content.tracking_url = "https://t.example";
    content.track_links = 1;
    assert_int_equal(egs_track_links(&links, &job, load_secret(*state), *state), APR_SUCCESS);
    rendered = render(&content, &links, *state);
    assert_non_null(strstr(rendered, "\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
    assert_int_equal(count(rendered, "Content-Transfer-Encoding"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(changes_what_it_must),
        EG_TEST(refuses_what_is_no_message),
        EG_TEST(tracks_what_readers_are_shown),
        EG_TEST(tracks_what_has_another_encoding_then),
    };

    return EG_TEST_RUN(tests);
}
