/* egs_rewrite_plain: where links of running text begin and end (RFC 3986 appendix C). */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rewriting.h"

#define URL "https://t.example/u?a=1&b=2"

/* In a block of its very size, so that a sanitizer sees one byte too many. */
static eg_bytes rewritten(const char *text, const egs_rewriting *with, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    eg_bytes made;

    memcpy(copy, text, length);
    made = egs_rewrite_plain(copy, length, with, pool);
    if (made.data == copy) {
        assert_int_equal(made.size, length);
        made.data = text;
    }
    else {
        assert_int_equal(strlen(made.data), made.size);
    }
    free(copy);
    return made;
}

static const struct {
    const char *what, *text, *rewritten, *urls;
} tracked[] = {
    { "alone", "http://x.test/", "T1", "http://x.test/" },
    { "https", "https://x.test", "T1", "https://x.test" },
    { "letter case", "HtTpS://x.test/A", "T1", "HtTpS://x.test/A" },
    { "in a sentence", "See http://x.test/a.\nOr https://y.test/b?c=d#e, or not.\n",
      "See T1.\nOr T2, or not.\n", "http://x.test/a\nhttps://y.test/b?c=d#e" },
    { "line ends", "http://x.test/\r\nhttp://y.test/\n\nhttp://z.test/\thttp://t.test/", "T1\r\nT2\n\nT3\tT4",
      "http://x.test/\nhttp://y.test/\nhttp://z.test/\nhttp://t.test/" },
    { "punctuation at the end", "http://x.test/a.,;:!?'\"", "T1.,;:!?'\"", "http://x.test/a" },
    { "... within", "http://x.test/a.b,c;d:e!f?g'h", "T1", "http://x.test/a.b,c;d:e!f?g'h" },
    { "... many", "http://x.test/a...", "T1...", "http://x.test/a" },
    { "emphasis and code", "*http://x.test/a* **http://y.test/** `http://z.test/b`", "*T1* **T2** `T3`",
      "http://x.test/a\nhttp://y.test/\nhttp://z.test/b" },
    { "double quotes", "\"http://x.test/a\"", "\"T1\"", "http://x.test/a" },
    { "... and more behind", "a=\"http://x.test/a\"b", "a=\"T1\"b", "http://x.test/a" },
    { "single quotes", "'http://x.test/a'", "'T1'", "http://x.test/a" },
    { "angle brackets", "<http://x.test/a>", "<T1>", "http://x.test/a" },
    { "... after a word", "<URL:http://x.test/a>", "<URL:T1>", "http://x.test/a" },
    { "... take all", "<http://x.test/a.>", "<T1>", "http://x.test/a." },
    { "... that are not closed", "<http://x.test/a. b", "<T1. b", "http://x.test/a" },
    { "a tag", "<a href=\"http://x.test/\">y</a>", "<a href=\"T1\">y</a>", "http://x.test/" },
    { "round brackets", "(http://x.test/a)", "(T1)", "http://x.test/a" },
    { "... and a full stop", "(see http://x.test/a.).", "(see T1.).", "http://x.test/a" },
    { "... of its own", "(http://x.test/a_(b))", "(T1)", "http://x.test/a_(b)" },
    { "... at its end", "http://x.test/a_(b).", "T1.", "http://x.test/a_(b)" },
    { "square brackets", "[http://x.test/a]", "[T1]", "http://x.test/a" },
    { "curly brackets", "{http://x.test/a}", "{T1}", "http://x.test/a" },
    { "a link of Markdown", "[http://x.test/](http://y.test/)", "[T1](T2)",
      "http://x.test/\nhttp://y.test/" },
    { "an IPv6 address", "http://[2001:db8::1]:80/a", "T1", "http://[2001:db8::1]:80/a" },
    { "a link within", "http://x.test/?u=http://y.test/ z", "T1 z", "http://x.test/?u=http://y.test/" },
    { "after punctuation", "a:http://x.test/ b,http://y.test/ =http://z.test/", "a:T1 b,T2 =T3",
      "http://x.test/\nhttp://y.test/\nhttp://z.test/" },
    { "ampersands stay", "http://x.test/?a=1&amp;b=2&c", "T1", "http://x.test/?a=1&amp;b=2&c" },
    { "beyond ASCII",
      "http://x.test/stra\xc3\x9f"
      "e http://\xc3\xbc.test/",
      "T1 T2",
      "http://x.test/stra\xc3\x9f"
      "e\nhttp://\xc3\xbc.test/" },
    { "a blank beyond ASCII",
      "http://x.test/a\xc2\xa0"
      "b http://y.test/\xe3\x80\x80"
      "c",
      "T1\xc2\xa0"
      "b T2\xe3\x80\x80"
      "c",
      "http://x.test/a\nhttp://y.test/" },
    { "typographic quotes", "\xe2\x80\x9chttp://x.test/\xe2\x80\x9d \xc2\xabhttp://y.test/\xc2\xbb",
      "\xe2\x80\x9cT1\xe2\x80\x9d \xc2\xabT2\xc2\xbb", "http://x.test/\nhttp://y.test/" },
    { "Chinese", "\xe8\xaf\xb7\xe8\xae\xbf\xe9\x97\xaehttp://x.test/\xe3\x80\x82\xe8\xb0\xa2",
      "\xe8\xaf\xb7\xe8\xae\xbf\xe9\x97\xaeT1\xe3\x80\x82\xe8\xb0\xa2", "http://x.test/" },
    { "bytes that are no UTF-8", "\xffhttp://x.test/a\xff", "\xffT1\xff", "http://x.test/a" },
    { "a control character",
      "http://x.test/a\x01"
      "b",
      "T1\x01"
      "b",
      "http://x.test/a" },
    { "percent signs", "http://x.test/%20a%20", "T1", "http://x.test/%20a%20" },
    { "hosts that are short", "http://a http://1", "T1 T2", "http://a\nhttp://1" },
};

static void links_are_replaced(void **state)
{
    for (size_t i = 0; i < sizeof tracked / sizeof *tracked; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);
        eg_bytes made = rewritten(tracked[i].text, &with, *state);

        print_message("# %s\n", tracked[i].what);
        assert_string_equal(made.data, tracked[i].rewritten);
        assert_string_equal(seen.asked.data, tracked[i].urls);
    }
}

static const char *const untouched[] = {
    "",
    "x",
    "h",
    "http",
    "http:",
    "http://",
    "https://",
    "http:// x.test",
    "http:///x.test",
    "http://.",
    "http://?x",
    "http://)x",
    "<http://>",
    "http:x.test",
    "http:/x.test",
    "www.x.test",
    "ftp://x.test/",
    "mailto:a@x.test",
    "javascript://x.test/",
    "xhttp://x.test/",
    "1http://x.test/",
    "_http://x.test/",
    "git+https://x.test/",
    "hhttp://x.test/",
    "http://{{host}}/",
    "http://x.test/{{id}}",
    "http://x.test/{{ id }}",
    "http://x.test/{% if a %}",
    "http://x.test/%ID%",
    "{{url}}",
    "{{unsubscribe}}",
};

static void all_else_stays(void **state)
{
    for (size_t i = 0; i < sizeof untouched / sizeof *untouched; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);

        print_message("# %s\n", untouched[i]);
        assert_ptr_equal(rewritten(untouched[i], &with, *state).data, untouched[i]);
        assert_int_equal(seen.count, 0);
    }
}

static const char *leave(void *baton, const char *url, apr_pool_t *pool)
{
    (void)url, (void)pool;
    ++*(int *)baton;
    return NULL;
}

static void a_link_may_be_left(void **state)
{
    static const char text[] = "http://x.test/ http://y.test/";
    int asked = 0;
    egs_rewriting with = { .link = leave, .baton = &asked };

    assert_ptr_equal(egs_rewrite_plain(text, sizeof text - 1, &with, *state).data, text);
    assert_int_equal(asked, 2);
    with.link = NULL;
    assert_ptr_equal(egs_rewrite_plain(text, sizeof text - 1, &with, *state).data, text);
}

static void nuls_are_bytes(void **state)
{
    static const char text[] = "\0http://x.test/\0http://y.test/a\0b\0", wanted[] = "\0T1\0T2\0b\0";
    links seen;
    egs_rewriting with = tracking(&seen, *state);
    eg_bytes made = egs_rewrite_plain(text, sizeof text - 1, &with, *state);

    assert_int_equal(made.size, sizeof wanted - 1);
    assert_memory_equal(made.data, wanted, made.size);
}

static const struct {
    const char *what, *text, *rewritten; /* footer "F\nG" */
} unsubscribes[] = {
    { "in text", "Go: {{unsubscribe}}.", "Go: " URL "." },
    { "blanks", "{{ unsubscribe\t}}", URL },
    { "twice", "{{unsubscribe}}{{unsubscribe}}", URL URL },
    { "beside a link", "http://x.test/ {{unsubscribe}} http://y.test/", "T1 " URL " T2" },
    { "part of a link", "http://x.test/{{unsubscribe}}", "http://x.test/{{unsubscribe}}\n\nF\nG\n" },
    { "three braces", "{{{unsubscribe}}}\n", "{{{unsubscribe}}}\n\nF\nG\n" },
    { "none", "x", "x\n\nF\nG\n" },
    { "none, a line end", "x\n", "x\n\nF\nG\n" },
    { "none, CRLF", "x\r\ny\r\n", "x\r\ny\r\n\r\nF\r\nG\r\n" },
    { "none, CRLF, no line end", "x\r\ny", "x\r\ny\r\n\r\nF\r\nG\r\n" },
    { "nothing at all", "", "F\nG\n" },
    { "nothing but a line end", "\n", "\n\nF\nG\n" },
};

static void unsubscribe_becomes_the_url(void **state)
{
    for (size_t i = 0; i < sizeof unsubscribes / sizeof *unsubscribes; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);

        with.unsubscribe_url = URL;
        with.footer_plain = "F\nG";
        print_message("# %s\n", unsubscribes[i].what);
        assert_string_equal(rewritten(unsubscribes[i].text, &with, *state).data, unsubscribes[i].rewritten);
    }
}

static void a_footer_has_the_url(void **state)
{
    egs_rewriting with = { .unsubscribe_url = URL, .footer_plain = "Go: {{unsubscribe}}\n" };

    assert_string_equal(egs_rewrite_plain("x", 1, &with, *state).data, "x\n\nGo: " URL "\n");
    with.unsubscribe_url = NULL;
    assert_string_equal(egs_rewrite_plain("x", 1, &with, *state).data, "x");
}

/* -- bounds -- */

static char *repeated(const char *piece, apr_size_t size, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, size + 1);

    for (apr_size_t i = 0; i < size; i++) {
        text[i] = piece[i % strlen(piece)];
    }
    text[size] = '\0';
    return text;
}

static void links_beyond_the_limit_stay(void **state)
{
    static const char piece[] = "http://x.test/\n";
    apr_size_t length = (EGS_REWRITE_LINKS_MAX + 10) * (sizeof piece - 1);
    links seen;
    egs_rewriting with = tracking(&seen, *state);
    const char *made = egs_rewrite_plain(repeated(piece, length, *state), length, &with, *state).data;

    assert_int_equal(seen.count, EGS_REWRITE_LINKS_MAX);
    assert_string_equal(made + strlen(made) - 10 * (sizeof piece - 1),
                        repeated(piece, 10 * (sizeof piece - 1), *state));
}

static const char *const nasty[] = {
    "h",
    "http://",
    "http://a",
    "http://a)",
    "http://a.",
    "http://...... ",
    "http://(",
    "http://%",
    "http://{",
    "{{",
    "{{ ",
    "{",
    ".",
    "http",
    "{{unsubscribe",
    "\xe3\x80\x82",
    "\xff",
    "<http://",
    "http://x.test/%a",
    "http://x.test/ ",
    "http://x.test/{{ ",
};

static void time_is_linear(void **state)
{
    const apr_size_t size = 5 * 1000 * 1000;

    for (size_t i = 0; i < sizeof nasty / sizeof *nasty; i++) {
        apr_pool_t *pool;
        links seen;
        egs_rewriting with;
        const char *text;
        clock_t before;
        double took; /* seconds of the processor's time */

        apr_pool_create(&pool, *state);
        with = tracking(&seen, pool);
        with.unsubscribe_url = URL;
        with.footer_plain = "F";
        text = repeated(nasty[i], size, pool);
        before = clock();
        egs_rewrite_plain(text, size, &with, pool);
        took = (double)(clock() - before) / CLOCKS_PER_SEC;
        print_message("# %s: %.0f ms\n", nasty[i], took * 1000);
        assert_true(took < 1);
        apr_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(links_are_replaced),          EG_TEST(all_else_stays),
        EG_TEST(a_link_may_be_left),          EG_TEST(nuls_are_bytes),
        EG_TEST(unsubscribe_becomes_the_url), EG_TEST(a_footer_has_the_url),
        EG_TEST(links_beyond_the_limit_stay), EG_TEST(time_is_linear),
    };

    return EG_TEST_RUN(tests);
}
