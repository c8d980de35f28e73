/* egs_header_*: RFC 5322 sections 2.1.1, 2.2, 3.4; RFC 2047 sections 2 and 5. */
#include "testpool.h"

#include <apr_strings.h>
#include <string.h>

#include "header.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *what, *value, *field;
} texts[] = {
    { "empty", "", "Subject:\r\n" },
    { "a word", "Hello", "Subject: Hello\r\n" },
    { "words", "Your order #42: shipped!", "Subject: Your order #42: shipped!\r\n" },
    { "folded before column 79", A64 " bcdef ghi", "Subject: " A64 "\r\n bcdef ghi\r\n" },
    { "a last word that just fits", A64 " bcd", "Subject: " A64 " bcd\r\n" },
    { "never folded before its first word", A64 A64, "Subject: " A64 A64 "\r\n" },
    { "leading space", " x", "Subject: =?utf-8?Q?_x?=\r\n" },
    { "trailing space", "x ", "Subject: =?utf-8?Q?x_?=\r\n" },
    { "double space", "a  b", "Subject: =?utf-8?Q?a__b?=\r\n" },
    { "tab", "a\tb", "Subject: =?utf-8?B?YQli?=\r\n" },
    { "DEL", "a\x7f", "Subject: =?utf-8?Q?a=7F?=\r\n" },
    { "UTF-8 in Q",
      "Gr\xc3\xbc\xc3\x9f"
      "e, Anna",
      "Subject: =?utf-8?B?R3LDvMOfZSwgQW5uYQ==?=\r\n" },
    { "one letter of many", "Caf\xc3\xa9 at noon today", "Subject: =?utf-8?Q?Caf=C3=A9_at_noon_today?=\r\n" },
    { "what looks encoded", "=?utf-8?Q?x?=", "Subject: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\r\n" },
    { "CR LF comes out harmless", "x\r\nBcc: y", "Subject: =?utf-8?B?eA0KQmNjOiB5?=\r\n" },
    { "bytes that are not UTF-8", "\xff\xfe", "Subject: =?utf-8?B?//4=?=\r\n" },
    { "words cut between characters, without padding inside",
      "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80"
      "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
      "Subject: =?utf-8?B?8J+YgPCfmIDwn5iA8J+YgPCfmIDwn5iA8J+YgPCfmIDwn5iA?=\r\n =?utf-8?B?8J+YgA==?=\r\n" },
};

static void texts_are_written(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        egs_text field;

        print_message("# %s\n", texts[i].what);
        egs_text_init(&field, 0, *state);
        egs_header_text(&field, "Subject", texts[i].value);
        assert_string_equal(field.data, texts[i].field);
    }
}

#define LONG A64 A64 A64

static const struct {
    const char *name, *value, *field;
} structured[] = {
    { "List-Unsubscribe", "<mailto:u@example.com>,  <https://example.com/u?x=1>",
      "List-Unsubscribe: <mailto:u@example.com>, <https://example.com/u?x=1>\r\n" },
    { "references", " <a@b.c>\t <d@e.f> ", "references: <a@b.c> <d@e.f>\r\n" },
    { "List-Help", "<https://example.com/?a=?utf-8?Q?x?=>",
      "List-Help: <https://example.com/?a=?utf-8?Q?x?=>\r\n" },
    { "In-Reply-To", "<a@b.c> <" LONG "> <d@e.f>", "In-Reply-To: <a@b.c>\r\n <" LONG ">\r\n <d@e.f>\r\n" },
    { "Auto-Submitted", "auto-replied;  x=y", "Auto-Submitted: auto-replied; x=y\r\n" },
    { "References", "", "References:\r\n" },
    { "References", "\t ", "References:\r\n" },
    { "List-Id",
      "Gr\xc3\xb6\xc3\x9f"
      "e  <news.example.com>",
      "List-Id: =?utf-8?B?R3LDtsOfZQ==?= <news.example.com>\r\n" },
    { "List-ID", " \"Gr\xc3\xbc\xc3\x9f\\\"e\" <news.example.com>",
      "List-ID: =?utf-8?B?R3LDvMOfImU=?= <news.example.com>\r\n" },
    { "List-Id", "\"News,  all\" <news.example.com>", "List-Id: \"News, all\" <news.example.com>\r\n" },
    /* what breaks the syntax comes out harmless all the same */
    { "References", "<\xc3\xa4@b.c>", "References: =?utf-8?B?PMOkQGIuYz4=?=\r\n" },
    { "References", "<a@b.c>\r\nBcc: y", "References: =?utf-8?B?PGFAYi5jPg0KQmNjOiB5?=\r\n" },
    { "List-Id",
      "Gr\xc3\xb6\xc3\x9f"
      "e",
      "List-Id: =?utf-8?B?R3LDtsOfZQ==?=\r\n" },
};

static void structured_ones_are_not_encoded(void **state)
{
    for (size_t i = 0; i < sizeof structured / sizeof *structured; i++) {
        egs_text field;

        print_message("# %s: %s\n", structured[i].name, structured[i].value);
        egs_text_init(&field, 0, *state);
        egs_header_text(&field, structured[i].name, structured[i].value);
        assert_string_equal(field.data, structured[i].field);
    }
}

static const struct {
    const char *what;
    egs_address boxes[3];
    const char *field;
} lists[] = {
    { "address alone", { { "a@example.com", NULL } }, "To: a@example.com\r\n" },
    { "empty name", { { "a@example.com", "" } }, "To: a@example.com\r\n" },
    { "atoms", { { "a@example.com", "Ann O'Neil" } }, "To: Ann O'Neil <a@example.com>\r\n" },
    { "a dot asks for quotes", { { "a@example.com", "J. Smith" } }, "To: \"J. Smith\" <a@example.com>\r\n" },
    { "quotes and backslashes",
      { { "a@example.com", "a \"b\" \\c" } },
      "To: \"a \\\"b\\\" \\\\c\" <a@example.com>\r\n" },
    { "an address as name",
      { { "a@example.com", "x@example.net" } },
      "To: \"x@example.net\" <a@example.com>\r\n" },
    { "another mailbox in the name",
      { { "a@example.com", "x>, <y@example.net" } },
      "To: \"x>, <y@example.net\" <a@example.com>\r\n" },
    { "UTF-8", { { "a@example.com", "J\xc3\xbcrgen" } }, "To: =?utf-8?Q?J=C3=BCrgen?= <a@example.com>\r\n" },
    { "no encoded word in quotes",
      { { "a@example.com", "=?x?=" } },
      "To: =?utf-8?B?PT94Pz0=?= <a@example.com>\r\n" },
    { "line break in a name", { { "a@example.com", "a\nb" } }, "To: =?utf-8?B?YQpi?= <a@example.com>\r\n" },
    { "line break in an address", { { "a\r\n@example.com", NULL } }, "To: a??@example.com\r\n" },
    { "local part in UTF-8", { { "j\xc3\xbcr@example.com", NULL } }, "To: j\xc3\xbcr@example.com\r\n" },
    { "several, folded between",
      { { "first.recipient@example.com", "First" },
        { "second.recipient@example.com", NULL },
        { "third@example.com", "T" } },
      "To: First <first.recipient@example.com>, second.recipient@example.com, T\r\n "
      "<third@example.com>\r\n" },
};

static void mailboxes_are_written(void **state)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        egs_text field;
        int count = 0;

        while (count < 3 && lists[i].boxes[count].email) {
            count++;
        }
        print_message("# %s\n", lists[i].what);
        egs_text_init(&field, 0, *state);
        egs_header_addresses(&field, "To", lists[i].boxes, count);
        assert_string_equal(field.data, lists[i].field);
    }
}

/* Words that no line can hold, behind names of every length. */
static void no_line_is_over_998(void **state)
{
    char name[EG_FIELD_NAME_MAX + 1], value[3000];

    for (int i = 1; i <= EG_FIELD_NAME_MAX; i += 3) {
        for (size_t length = 80; length < sizeof value; length += 307) {
            egs_text field;

            memset(name, 'n', (size_t)i);
            name[i] = '\0';
            memset(value, 'v', length);
            value[length] = '\0';
            egs_text_init(&field, 0, *state);
            egs_header_text(&field, name, value);
            for (const char *line = field.data, *end; (end = strstr(line, "\r\n")); line = end + 2) {
                assert_true(end - line <= 998);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(texts_are_written),
        EG_TEST(structured_ones_are_not_encoded),
        EG_TEST(mailboxes_are_written),
        EG_TEST(no_line_is_over_998),
    };

    return EG_TEST_RUN(tests);
}
