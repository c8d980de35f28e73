/*
 * Rendered mails decode to what was asked, in GMime and in Python's email
 * package (roundtrip.py): hostile strings in every place that takes text, one
 * mail with everything at once, and each shape of the part tree.
 */
#include "testpool.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_file_info.h>
#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mime.h"

/* Used when no corpus is at hand, and beside it. */
static const char *const strings[] = {
    "plain",
    "two words",
    "a",
    "J. Smith",
    "O'Neil, Ann (sales) <x@example.org>",
    "\"quoted\" \\ back",
    " leading",
    "trailing ",
    "double  space",
    "tab\there",
    "=?utf-8?q?x=0d=0aBcc:_e@example.net?=",
    "=?",
    "?=",
    "=?utf-8?B?QQ==?= =?utf-8?B?QQ==?=",
    "a =? b",
    "Jürgen Groß",
    "Zażółć gęślą jaźń",
    "日本語の件名はここにあります、とても長いので折り返します",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
    "مرحبا بالعالم",
    "x\u2028Bcc: e@example.net",
    "\xc2\x85",
    "\u00a0",
    "\u202egpj.exe",
    "\x01\x02\x1f\x7f",
    "a\vb\fc",
    "é",
    "e\u0301",
    "\ufeffbom",
    "\ufffd",
    "\U0010ffff",
    ".",
    ".hidden",
    "From someone",
    "--",
    "----=_boundary",
    "$(touch x)",
    "'; DROP TABLE x; --",
    "<script>alert(1)</script>",
    "Re: [list] Your order #1234 has been shipped and will arrive on Monday, the 7th, between 9 and 12 "
    "o'clock",
    "An-unbroken-word-that-is-longer-than-any-line-should-be-by-the-recommendation-of-78-columns-but-not-by-"
    "the-limit",
    "ends with a colon:",
    "a:b;c",
    "@example.com",
    "a@b",
    "%00%0d%0a",
    "100% é",
    "_under_score_",
    "a=b",
    "é=?é?=",
};

typedef struct {
    apr_pool_t *pool;
    const char *folder;
    int count;
} mails;

static const char id[] = "0198c2f4-5b1e-7c3a-9d2e-0123456789ab";

/* -- writing -- */

static void write_file(const mails *m, const char *suffix, const void *data, apr_size_t size)
{
    const char *path = apr_psprintf(m->pool, "%s/%d.%s", m->folder, m->count, suffix);
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static json_t *expected(const egs_content *content, apr_pool_t *pool)
{
    json_t *attachments = json_array();

    for (int i = 0; i < content->attachment_count; i++) {
        const egs_attachment *a = &content->attachments[i];
        char *hex = apr_pcalloc(pool, a->content.size * 2 + 1);

        for (apr_size_t j = 0; j < a->content.size; j++) {
            sprintf(hex + 2 * j, "%02x", ((const unsigned char *)a->content.data)[j]);
        }
        json_array_append_new(
            attachments,
            json_pack("{s:s, s:s, s:s, s:s, s:s?}", "filename", a->filename, "hex", hex, "type",
                      strncmp(a->content_type, "message/", 8) ? a->content_type : "application/octet-stream",
                      "disposition", a->disposition, "contentid", a->content_id));
    }
    return json_pack("{s:s, s:[{s:s, s:s}], s:O, s:O, s:O, s:O, s:s*, s:s*, s:o}", "subject",
                     content->subject, "From", "email", content->from_email, "name", content->from_name,
                     "Reply-To", content->reply_to, "To", content->to, "Cc", content->cc, "headers",
                     content->headers, "plain", content->plain, "html", content->html, "attachments",
                     attachments);
}

/* What GMime, reading the message again, makes of the two fields that carry the client's text. */
static void check_by_gmime(eg_bytes message, const egs_content *content, apr_pool_t *pool)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(message.data, message.size);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *mail = g_mime_parser_construct_message(parser, NULL);
    InternetAddress *from = internet_address_list_get_address(g_mime_message_get_from(mail), 0);

    assert_string_equal(g_mime_message_get_subject(mail), content->subject);
    assert_string_equal(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(from)),
                        content->from_email);
    if (*content->from_name) {
        /* GMime takes blanks off the ends of a name, encoded or not. */
        assert_string_equal(internet_address_get_name(from),
                            g_strstrip(apr_pstrdup(pool, content->from_name)));
    }
    for (size_t i = 0; i < json_array_size(content->headers); i++) {
        const json_t *pair = json_array_get(content->headers, i);
        const char *name = json_string_value(json_array_get(pair, 0));

        assert_string_equal(g_mime_object_get_header(GMIME_OBJECT(mail), name),
                            json_string_value(json_array_get(pair, 1)));
    }
    g_object_unref(mail);
    g_object_unref(parser);
    g_object_unref(stream);
}

static void render(mails *m, const egs_content *content)
{
    eg_bytes message;
    json_t *wanted = expected(content, m->pool);
    char *text = json_dumps(wanted, 0);

    assert_non_null(text);
    assert_int_equal(egs_mime_render(&message, 0, content, NULL, m->pool), APR_SUCCESS);
    check_by_gmime(message, content, m->pool);
    m->count++;
    write_file(m, "eml", message.data, message.size);
    write_file(m, "json", text, strlen(text));
    free(text);
    json_decref(wanted);
}

static void check_by_python(const mails *m)
{
    const char *script = access("t/unit/roundtrip.py", R_OK) == 0 ? "t/unit/roundtrip.py" : "roundtrip.py";

    print_message("# %d mails to python3\n", m->count);
    /* the interpreter is not built with the sanitizers, and neither is preloaded for it */
    assert_int_equal(system(apr_psprintf(m->pool, "LD_PRELOAD= python3 %s %s", script, m->folder)), 0);
}

static void start(mails *m, apr_pool_t *pool)
{
    char *folder = apr_pstrdup(pool, "/tmp/eg-roundtrip.XXXXXX");

    assert_non_null(mkdtemp(folder));
    *m = (mails){ pool, folder, 0 };
}

static void finish(const mails *m)
{
    check_by_python(m);
    for (int i = 1; i <= m->count; i++) {
        assert_int_equal(apr_file_remove(apr_psprintf(m->pool, "%s/%d.eml", m->folder, i), m->pool),
                         APR_SUCCESS);
        assert_int_equal(apr_file_remove(apr_psprintf(m->pool, "%s/%d.json", m->folder, i), m->pool),
                         APR_SUCCESS);
    }
    assert_int_equal(apr_dir_remove(m->folder, m->pool), APR_SUCCESS);
}

/* -- contents -- */

static egs_content basic(void)
{
    return (egs_content){
        .account_id = 1,
        .message_id = id,
        .domain = "example.com",
        .from_email = "shop@example.com",
        .from_name = "Shop",
        .subject = "Hello",
        .plain = "Hello\n",
        .date = apr_time_from_sec(1770000000),
    };
}

static void set_lists(egs_content *content, const char *name, const char *value)
{
    content->to = json_pack("[{s:s, s:s}, {s:s, s:s}]", "email", "ann@example.org", "name", name, "email",
                            "\"b c\"@example.net", "name", "");
    content->cc = json_array();
    content->reply_to = json_pack("[{s:s, s:s}]", "email", "reply@example.com", "name", name);
    content->headers = json_pack("[[s, s]]", "X-Text", value);
}

static void drop_lists(egs_content *content)
{
    json_decref(content->to);
    json_decref(content->cc);
    json_decref(content->reply_to);
    json_decref(content->headers);
}

/*
 * As a file name is cleaned when it is accepted: no separators, no controls.
 * Python's parser also decodes encoded words in a quoted parameter, where
 * there are none (RFC 2047 section 5), so none goes in.
 */
static const char *filename_of(const char *string, apr_pool_t *pool)
{
    char *name = apr_pstrcat(pool, "x", string, NULL);

    for (char *c = name; *c; c++) {
        if (*c == '/' || *c == '\\' || (unsigned char)*c < ' ' || *c == 0x7f || !strncmp(c, "=?", 2)) {
            *c = '_';
        }
    }
    return name;
}

/* One string as subject, names, header value, texts and file name of a mail. */
static void render_string(mails *m, const char *string)
{
    egs_content content = basic();
    egs_attachment attachment = {
        filename_of(string, m->pool), "application/x-test", "attachment", NULL, { string, strlen(string) }
    };

    content.subject = content.from_name = content.plain = content.html = string;
    content.attachments = &attachment;
    content.attachment_count = 1;
    set_lists(&content, string, string);
    render(m, &content);
    drop_lists(&content);
}

static void render_corpus(mails *m)
{
    const char *corpora = getenv("EG_CORPORA");
    json_t *list;

    if (!corpora || !*corpora) {
        print_message("# EG_CORPORA is not set: own strings only\n");
        return;
    }
    list = json_load_file(apr_psprintf(m->pool, "%s/naughty-strings/blns.json", corpora), 0, NULL);
    assert_non_null(list);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *string = json_string_value(json_array_get(list, i));

        if (string && !strpbrk(string, "\r\n")) {
            render_string(m, string);
        }
    }
    json_decref(list);
}

static void strings_come_back(void **state)
{
    mails m;

    start(&m, *state);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        render_string(&m, strings[i]);
    }
    render_corpus(&m);
    finish(&m);
}

/* Every length, so that each way to cut a field occurs. */
static void lengths_come_back(void **state)
{
    static const char *const patterns[] = { "x", "é", "😀", "ab ", "é é", "\"q\" " };
    mails m;

    start(&m, *state);
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        char *string = apr_pstrdup(m.pool, "");

        for (int i = 0; strlen(string) < 320; i++) {
            string = apr_pstrcat(m.pool, string, patterns[p], NULL);
            if (i < 40 || strlen(string) > 290) {
                render_string(&m, string[strlen(string) - 1] == ' '
                                      ? apr_pstrmemdup(m.pool, string, strlen(string) - 1)
                                      : string);
            }
        }
    }
    finish(&m);
}

static void texts_come_back(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "x\n",
        "a\r\nb\r\n",
        "a\nb",
        "a\rb\n",
        "a\r\r\nb",
        "\r",
        "\n\n\n",
        "trailing \nspace\t\n",
        "é=\n",
        ".\n..\n.x\n",
        "From here\n>From\n",
        "--=_mixed_0198c2f4\n--\n",
        "tab\tand = sign é \n",
        "é \t",
        "é ",
        "=E9 é",
        "日本語\n日本語\n",
        "\x01\x02",
        "no end é",
    };
    mails m;

    start(&m, *state);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        egs_content content = basic();

        set_lists(&content, "Ann", "v");
        content.plain = texts[i];
        render(&m, &content);
        content.html = texts[i];
        render(&m, &content);
        content.plain = NULL;
        render(&m, &content);
        drop_lists(&content);
    }
    finish(&m);
}

static void long_lines_come_back(void **state)
{
    static const int lengths[] = { 76, 77, 78, 997, 998, 999, 2000, 20000 };
    static const char *const fillers[] = { "x", "é", "word ", "\t", "=" };
    mails m;

    start(&m, *state);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t j = 0; j < sizeof fillers / sizeof *fillers; j++) {
            egs_content content = basic();
            char *text = apr_pcalloc(m.pool, (apr_size_t)lengths[i] * 5 + 1);

            for (int n = 0; n < lengths[i]; n++) {
                strcpy(text + strlen(text), fillers[j]);
            }
            content.plain = text;
            content.html = apr_pstrcat(m.pool, text, "\r\n", text, "\n", NULL);
            set_lists(&content, "Ann", "v");
            render(&m, &content);
            drop_lists(&content);
        }
    }
    finish(&m);
}

static void everything_at_once(void **state)
{
    static const unsigned char bytes[] = { 0, 1, 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0xff };
    egs_attachment attachments[] = {
        { "логотип 🖼.png", "image/png", "inline", "logo@example.com", { bytes, sizeof bytes } },
        { "a\"; name=\"b.exe", "application/pdf", "attachment", NULL, { bytes, sizeof bytes } },
        { "..%2f..%2fetc; passwd 日本語.txt", "text/plain", "attachment", NULL, { "line\nline\r\n", 11 } },
        { "mail.eml", "message/rfc822", "attachment", NULL, { "Subject: x\n\n.\n", 14 } },
        { "empty", "application/octet-stream", "attachment", NULL, { "", 0 } },
    };
    egs_content content = basic();
    mails m;

    start(&m, *state);
    content.from_name = "Größe & Söhne, Inc. 🚀";
    content.subject = "Ваш заказ № 42 🎉 is on its way";
    content.plain = "Grüße\r\n\r\n-- \r\nShop 🚀";
    content.html = "<p>Grüße <img src=\"cid:logo@example.com\"></p>\n";
    content.to = json_pack("[{s:s, s:s}, {s:s, s:s}]", "email", "ann@example.org", "name", "Änn \"A\" Müller",
                           "email", "bob@example.net", "name", "Bob Q. Public");
    content.cc = json_pack("[{s:s, s:s}]", "email", "cc@example.net", "name", "漢字");
    content.reply_to = json_pack("[{s:s, s:s}, {s:s, s:s}]", "email", "reply@example.com", "name", "",
                                 "email", "other@example.com", "name", "Reply, Please");
    content.headers = json_pack("[[s, s], [s, s], [s, s]]", "X-Order", "42", "X-Note", "ümläut",
                                "List-Unsubscribe", "<https://example.com/u?x=1>, <mailto:u@example.com>");
    content.attachments = attachments;
    content.attachment_count = sizeof attachments / sizeof *attachments;
    render(&m, &content);
    content.plain = NULL;
    render(&m, &content);
    content.html = NULL;
    content.plain = "only";
    render(&m, &content);
    drop_lists(&content);
    finish(&m);
}

/* RFC 2231 continuations: names of any length and script. */
static void filenames_come_back(void **state)
{
    static const char *const patterns[] = { "x", "é", "😀", "a ", "\"", "%", "'", "=?" };
    static const int counts[] = { 1, 20, 26, 39, 40, 63, 78, 255, 2000 };
    mails m;

    start(&m, *state);
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            egs_content content = basic();
            char *name = apr_pcalloc(m.pool, (apr_size_t)counts[c] * 4 + 2);
            egs_attachment attachment = { name, "text/csv", "attachment", NULL, { "a,b", 3 } };

            for (int i = 0; i < counts[c]; i++) {
                strcpy(name + strlen(name), patterns[p]);
            }
            strcat(name, "z");
            set_lists(&content, "Ann", "v");
            content.attachments = &attachment;
            content.attachment_count = 1;
            render(&m, &content);
            drop_lists(&content);
        }
    }
    finish(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(strings_come_back),    EG_TEST(lengths_come_back),  EG_TEST(texts_come_back),
        EG_TEST(long_lines_come_back), EG_TEST(everything_at_once), EG_TEST(filenames_come_back),
    };

    g_mime_init();
    return EG_TEST_RUN(tests);
}
