/* eg_addresslist_parse and eg_headerwords_decode: RFC 5322 section 3.4, RFC 2047. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "addresslist.h"
#include "headerwords.h"
#include "utf8.h"

/* "name|address name|address"; NULL: refused */
static const struct {
    const char *value, *list;
} lists[] = {
    { "", "" },
    { "a@x.org", "|a@x.org" },
    { "<a@x.org>", "|a@x.org" },
    { "Ann <a@x.org>", "Ann|a@x.org" },
    { "Ann Q. Bee <a@x.org>", "Ann Q. Bee|a@x.org" },
    { "\"Bee, Ann \\\"Q\\\"\" <a@x.org>, b@x.org,", "Bee, Ann \"Q\"|a@x.org |b@x.org" },
    { "(one) Ann (two) < (three) a@x.org (four) > (five)", "Ann|a@x.org" },
    { "a @ x . org", "|a@x.org" },
    { "\"a b\"@x.org", "|\"a b\"@x.org" },
    { "a@[192.0.2.1]", "|a@[192.0.2.1]" },
    { "=?utf-8?q?=C3=9Cber_?= =?utf-8?B?YWxs?= <a@x.org>", "\xc3\x9c"
                                                           "ber all|a@x.org" },
    { "J\xc3\xb6rg <j\xc3\xb6rg@x.org>", "J\xc3\xb6rg|j\xc3\xb6rg@x.org" },
    { "Friends: a@x.org, Ben <b@x.org>; , c@x.org", "|a@x.org Ben|b@x.org |c@x.org" },
    { "undisclosed-recipients:;", "" },
    { "Ann", NULL },
    { "Ann a@x.org", NULL },
    { "a@x.org b@x.org", NULL },
    { "Ann <a@x.org", NULL },
    { "Ann <a@x.org> Bee", NULL },
    { "<a@x.org> <b@x.org>", NULL },
    { "<>", NULL },
    { "<@route.org:a@x.org>", NULL },
    { "a@x.org>", NULL },
    { "a@x.org; b@x.org", NULL },
    { "Friends: a@x.org", NULL },
    { "A: B: a@x.org;;", NULL },
    { ": a@x.org;", NULL },
    { "(a@x.org", NULL },
    { "\"a@x.org", NULL },
    { "Ann, <a@x.org>", NULL },
};

static void reads_lists_or_refuses(void **state)
{
    for (size_t n = 0; n < sizeof lists / sizeof *lists; n++) {
        apr_array_header_t *list;
        const char *shown = "";

        print_message("# %s\n", lists[n].value);
        if (eg_addresslist_parse(&list, lists[n].value, *state) != APR_SUCCESS) {
            assert_null(lists[n].list);
            continue;
        }
        for (int i = 0; i < list->nelts; i++) {
            const eg_address *address = &APR_ARRAY_IDX(list, i, eg_address);

            shown = apr_pstrcat(*state, shown, i ? " " : "", address->name, "|", address->address, NULL);
        }
        assert_string_equal(shown, lists[n].list ? lists[n].list : "(to be refused)");
    }
}

static const struct {
    const char *value;
    int is_clear;
} clear[] = {
    { "", 1 },
    { "ceo@bank.example", 1 },
    { "Ann (x) <a@x.org>, b @ x.org, <c@x.org>", 1 },
    { "(Bank, Inc. (x \\) =?utf-8?q?y?=)) a@x.org (=?utf-8?q?=C3=BC?=)", 1 },
    { "\"(ceo@bank.example)\" <a@x.org>", 1 },
    { "(ceo@bank.example) a@x.org", 0 },
    { "a@x.org (ceo@bank.example)", 0 },
    { "Ann (ceo (at (@))) <a@x.org>", 0 },
    { "Ann <(ceo@bank.example) a@x.org>", 0 },
    { "Ann <a@x.org> (ceo\\@bank.example)", 0 },
    { "a (@) @x.org", 0 },
    { "(=?utf-8?q?ceo=40bank.example?=) a@x.org", 0 },
    { "(x=?utf-8?q?ceo=40bank.example?=) a@x.org", 0 },
    { "(\\=?utf-8?q?ceo=40bank.example?=) a@x.org", 0 },
    { "(=?utf-8?q?ceo()=40bank.example?=) a@x.org", 0 },
    { "(ceo\xEF\xBC\xA0"
      "bank.example) a@x.org",
      0 },
    { "(1 = 1? = yes) a@x.org", 1 },
    { "((=?us-ascii?b?QA==?=)) a@x.org", 0 },
    { "b@x.org, a@x.org (@)", 0 },
    { "\"ceo@bank.example\" <a@x.org>", 1 },
    { "=?utf-8?q?ceo=40bank?= <a@x.org>", 1 },
    { "A@x.org <a@x.org>", 1 },
    { "ceo@bank.example <a@x.org>", 0 },
    { "a@x.org b <a@x.org>", 0 },
    { "Ann ceo @ bank.example <a@x.org>", 0 },
    { "\"ceo\"@bank.example <a@x.org>", 0 },
    { "[ceo@bank.example] <a@x.org>", 0 },
    { "b@x.org, @ <a@x.org>", 0 },
    { "ceo@bank.example: a@x.org;", 0 },
    { "Friends: a@x.org;", 0 },
    { "a@x.org, ceo@bank.example:;", 0 },
    { "ceo@bank.example:;, a@x.org", 0 },
    { "Ann", 0 },
};

static void knows_what_others_could_take_for_an_address(void **state)
{
    for (size_t i = 0; i < sizeof clear / sizeof *clear; i++) {
        print_message("# %s\n", clear[i].value);
        assert_int_equal(eg_addresslist_is_clear(clear[i].value, *state), clear[i].is_clear);
    }
}

static const struct {
    const char *value, *text;
} words[] = {
    { "", "" },
    { "plain  text", "plain  text" },
    { "=?utf-8?Q?a_b=20?=", "a b " },
    { "=?UTF-8?b?w7w=?= x", "\xc3\xbc x" },
    { "=?utf-8?q?a?= \t=?utf-8?q?b?= c", "ab c" },
    { "=?iso-8859-1?Q?=FC?=", "\xc3\xbc" },
    { "=?utf-8*de?Q?x?=", "x" },
    { "=?windows-1252?Q?=80?=", "\xe2\x82\xac" },
    { "=?x-unknown?Q?=FC?= =?utf-8?Q?x?=", "=?x-unknown?Q?=FC?= x" },
    { "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
    { "=?utf-8?Q?a b?=", "=?utf-8?Q?a b?=" },
    { "=?utf-8?B?*?=", "=?utf-8?B?*?=" },
    { "a=?utf-8?Q?b?=", "a=?utf-8?Q?b?=" },
    { "=?utf-8?Q?x=0D=0ABcc:_y@z.org?=", "x  Bcc: y@z.org" },
    { "=?utf-8?Q?x=E2=80=AEy?=", "x y" },
    { "\xfc", "\xef\xbf\xbd" },
    { "=?utf-8?Q?=FC?=", "\xef\xbf\xbd" },
    { "=?", "=?" },
    { "=?utf-8?Q?", "=?utf-8?Q?" },
};

static void decodes_words(void **state)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        print_message("# %s\n", words[i].value);
        assert_string_equal(eg_headerwords_decode(words[i].value, 998, *state), words[i].text);
    }
    assert_string_equal(eg_headerwords_decode("abc\xc3\xbc\xc3\xbc", 6, *state), "abc\xc3\xbc");
    assert_string_equal(eg_headerwords_decode("=?utf-8?Q?abc=C3=BC?= d", 4, *state), "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(reads_lists_or_refuses),
                                        EG_TEST(knows_what_others_could_take_for_an_address),
                                        EG_TEST(decodes_words) };

    return EG_TEST_RUN(tests);
}
