/* egs_rewrite_html: HTML standard sections 13.2.5 (tokens) and 13.2.5.72 ff. (references in attributes). */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rewriting.h"

#define URL "https://t.example/u?a=1&b='2'"
#define ESCAPED "https://t.example/u?a=1&amp;b=&#39;2&#39;"

/* In a block of its very size, so that a sanitizer sees one byte too many. */
static eg_bytes rewritten(const char *html, apr_size_t length, const egs_rewriting *with, apr_pool_t *pool)
{
    char *copy = malloc(length ? length : 1);
    eg_bytes made;

    memcpy(copy, html, length);
    made = egs_rewrite_html(copy, length, with, pool);
    if (made.data == copy) {
        assert_int_equal(made.size, length);
        made.data = html;
    }
    else {
        assert_int_equal(((const char *)made.data)[made.size], '\0');
        assert_int_equal(strlen(made.data), made.size);
    }
    free(copy);
    return made;
}

/* -- links -- */

static const struct {
    const char *what, *html, *rewritten, *urls;
} tracked[] = {
    { "double quotes", "<a href=\"http://x.test/\">", "<a href=\"T1\">", "http://x.test/" },
    { "single quotes", "<a href='http://x.test/'>", "<a href='T1'>", "http://x.test/" },
    { "no quotes", "<a href=http://x.test/>", "<a href=\"T1\">", "http://x.test/" },
    { "no quotes, more behind", "<a href=http://x.test/a b=c>", "<a href=\"T1\" b=c>", "http://x.test/a" },
    { "no quotes, quotes within", "<a href=http://x.test/'\">", "<a href=\"T1\">", "http://x.test/'\"" },
    { "https", "<a href=\"https://x.test\">", "<a href=\"T1\">", "https://x.test" },
    { "letter case", "<A HREF=\"HTTPS://X.test/A\">", "<A HREF=\"T1\">", "HTTPS://X.test/A" },
    { "area", "<area shape=rect href=\"http://x.test/\"/>", "<area shape=rect href=\"T1\"/>",
      "http://x.test/" },
    { "two", "<a href=\"http://x.test/\">x</a><a href='http://y.test/'>y</a>",
      "<a href=\"T1\">x</a><a href='T2'>y</a>", "http://x.test/\nhttp://y.test/" },
    { "the same twice", "<a href='http://x.test/'><a href='http://x.test/'>", "<a href='T1'><a href='T2'>",
      "http://x.test/\nhttp://x.test/" },
    { "blanks around", "<a href=\" \n\thttp://x.test/ \r\n\">", "<a href=\"T1\">", "http://x.test/" },
    { "line ends within", "<a href=\"http://x.test/\r\n\t?a=b\">", "<a href=\"T1\">", "http://x.test/?a=b" },
    { "blanks within", "<a href=\"http://x.test/a b\">", "<a href=\"T1\">", "http://x.test/a b" },
    { "beyond ASCII", "<a href=\"http://x.test/\xc3\xbc\">", "<a href=\"T1\">", "http://x.test/\xc3\xbc" },
    { "no host", "<a href=\"http://\">", "<a href=\"T1\">", "http://" },
    { "blanks around =", "<a href\n = \t\"http://x.test/\">", "<a href\n = \t\"T1\">", "http://x.test/" },
    { "slash instead of a blank", "<a/href=\"http://x.test/\"/>", "<a/href=\"T1\"/>", "http://x.test/" },
    { "form feed", "<a\fhref=\"http://x.test/\">", "<a\fhref=\"T1\">", "http://x.test/" },
    { "odd slashes", "<a / / title/href=\"http://x.test/\" / >", "<a / / title/href=\"T1\" / >",
      "http://x.test/" },
    { "no blank between", "<a title=\"t\"href=\"http://x.test/\"id=1>", "<a title=\"t\"href=\"T1\"id=1>",
      "http://x.test/" },
    { "last of many", "<a id=a title='<a href=\"http://no.test/\">' rel = b c href=\"http://x.test/\">",
      "<a id=a title='<a href=\"http://no.test/\">' rel = b c href=\"T1\">", "http://x.test/" },
    { "> in quotes", "<a title=\">\" alt='>' href=\"http://x.test/?>\">",
      "<a title=\">\" alt='>' href=\"T1\">", "http://x.test/?>" },
    { "the first href counts", "<a href=\"http://x.test/\" href=\"http://no.test/\">",
      "<a href=\"T1\" href=\"http://no.test/\">", "http://x.test/" },
    { "... also in capitals", "<a HREF='http://x.test/' href='http://no.test/'>",
      "<a HREF='T1' href='http://no.test/'>", "http://x.test/" },
    { "the first class counts", "<a class=a class=no-track href=http://x.test/>",
      "<a class=a class=no-track href=\"T1\">", "http://x.test/" },
    { "no class of that name", "<a class=\"no-tracking x-no-track\" title=no-track href=\"http://x.test/\">",
      "<a class=\"no-tracking x-no-track\" title=no-track href=\"T1\">", "http://x.test/" },
    { "other attributes", "<a data-href='http://no.test/' xhref='http://no.test/' href='http://x.test/'>",
      "<a data-href='http://no.test/' xhref='http://no.test/' href='T1'>", "http://x.test/" },
    { "a tag that begins within a tag", "<a <b href='http://x.test/'>", "<a <b href='T1'>",
      "http://x.test/" },
    { "a quote in a name", "<a \"x\" href=\"http://x.test/\">", "<a \"x\" href=\"T1\">", "http://x.test/" },
    { "= in front", "<a =x href='http://x.test/'>", "<a =x href='T1'>", "http://x.test/" },
    { "... with a quote", "<a =\"><a href='http://x.test/'>", "<a =\"><a href='T1'>", "http://x.test/" },
    { "an attribute without a value", "<a title= href='http://x.test/'><a href='http://y.test/'>",
      "<a title= href='http://x.test/'><a href='T1'>", "http://y.test/" },
    { "less-than in the text", "1 < 2 <3 << <a href='http://x.test/'>", "1 < 2 <3 << <a href='T1'>",
      "http://x.test/" },
    { "within svg", "<svg><a href='http://x.test/'></svg>", "<svg><a href='T1'></svg>", "http://x.test/" },
    { "behind a comment", "<!-- a --><a href='http://x.test/'>", "<!-- a --><a href='T1'>",
      "http://x.test/" },
    { "empty comments", "<!--><a href='http://x.test/'><!---><a href='http://y.test/'>",
      "<!--><a href='T1'><!---><a href='T2'>", "http://x.test/\nhttp://y.test/" },
    { "ends of comments",
      "<!----><a href='http://x.test/'><!-- --!><a href='http://y.test/'><!-- ---><a href=http://z.test>",
      "<!----><a href='T1'><!-- --!><a href='T2'><!-- ---><a href=\"T3\">",
      "http://x.test/\nhttp://y.test/\nhttp://z.test" },
    { "shown to all but Outlook", "<!--[if !mso]><!--><a href='http://x.test/'><!--<![endif]-->",
      "<!--[if !mso]><!--><a href='T1'><!--<![endif]-->", "http://x.test/" },
    { "... in the other way", "<![if !mso]><a href='http://x.test/'><![endif]>",
      "<![if !mso]><a href='T1'><![endif]>", "http://x.test/" },
    { "shown to Outlook alone",
      "<!--[if mso]><a href='http://no.test/'><![endif]--><a href='http://x.test/'>",
      "<!--[if mso]><a href='http://no.test/'><![endif]--><a href='T1'>", "http://x.test/" },
    { "behind declarations", "<!DOCTYPE html \"a\"><?xml version='1.0'?></ x><><a href='http://x.test/'>",
      "<!DOCTYPE html \"a\"><?xml version='1.0'?></ x><><a href='T1'>", "http://x.test/" },
    { "behind CDATA", "<![CDATA[ > <a href='http://no.test/'> ]]><a href='http://x.test/'>",
      "<![CDATA[ > <a href='http://no.test/'> ]]><a href='T1'>", "http://x.test/" },
    { "CDATA without an end", "<![CDATA[ > <a href='http://x.test/'><![CDATA[><a href='http://y.test/'>",
      "<![CDATA[ > <a href='T1'><![CDATA[><a href='T2'>", "http://x.test/\nhttp://y.test/" },
    { "behind contents that are no markup",
      "<STYLE>a{}</style ><script>'</scripts>'</SCRIPT/><title><a></title\n><a href='http://x.test/'>",
      "<STYLE>a{}</style ><script>'</scripts>'</SCRIPT/><title><a></title\n><a href='T1'>",
      "http://x.test/" },
    { "behind none", "<style></style><textarea></textarea><a href='http://x.test/'>",
      "<style></style><textarea></textarea><a href='T1'>", "http://x.test/" },
    { "end tags are none", "</a href='http://no.test/'></style><a href='http://x.test/'>",
      "</a href='http://no.test/'></style><a href='T1'>", "http://x.test/" },
    { "percent signs", "<a href='http://x.test/a%20b%20c%FACE%'>", "<a href='T1'>",
      "http://x.test/a%20b%20c%FACE%" },
    { "single braces", "<a href='http://x.test/{a}/}}'>", "<a href='T1'>", "http://x.test/{a}/}}" },
};

static void links_are_replaced(void **state)
{
    for (size_t i = 0; i < sizeof tracked / sizeof *tracked; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);
        eg_bytes made = rewritten(tracked[i].html, strlen(tracked[i].html), &with, *state);

        print_message("# %s\n", tracked[i].what);
        assert_string_equal(made.data, tracked[i].rewritten);
        assert_string_equal(seen.asked.data, tracked[i].urls);
    }
}

static const char *const untouched[] = {
    "",
    "text, http://x.test/ and all",
    "xa href='http://x.test/'>",
    "<a>",
    "<a href>",
    "<a href=>",
    "<a href=''>",
    "<a href='#top'>",
    "<a href='/path'>",
    "<a href='path'>",
    "<a href='//x.test/'>",
    "<a href='mailto:a@x.test?subject=http://x.test/'>",
    "<a href='tel:+1'>",
    "<a href='javascript:location=\"http://x.test/\"'>",
    "<a href='data:text/html,http://x.test/'>",
    "<a href='ftp://x.test/'>",
    "<a href='xhttp://x.test/'>",
    "<a href='http:x.test'>",
    "<a href='http:/x.test'>",
    "<a href='http:\\\\x.test'>",
    "<a href='httpss://x.test'>",
    "<a href='hxxp://x.test'>",
    "<a href='h ttp://x.test/'>",
    "<a href='cid:a@x.test'>",
    "<a href='sms:1'>",
    "<a href='{{action_url}}'>",
    "<a href='http://x.test/{{ id }}'>",
    "<a href='http://x.test/{%if a%}b{%endif%}'>",
    "<a href='http://x.test/?e=%EMAIL%'>",
    "<a href='http://x.test/?e=%%user_name%%'>",
    "<a href='%link%'>",
    "<a href='http://x.test/\x01/'>",
    "<a href='http://x.test/&#x7f;'>",
    "<a href='http://x.test/\xff'>",
    "<a href='http://x.test/&nosuchname;'>",
    "<a class=no-track href='http://x.test/'>",
    "<a class=\"b\n NO-Track c\" href='http://x.test/'>",
    "<a href='http://x.test/' class='no-track'>",
    "<a data-no-track href='http://x.test/'>",
    "<a href='http://x.test/' Data-No-Track=1>",
    "<link href='http://x.test/'>",
    "<base href='http://x.test/'>",
    "<abbr href='http://x.test/'>",
    "<a-b href='http://x.test/'>",
    "<b><img src='http://x.test/'></b>",
    "<form action='http://x.test/'>",
    "< a href='http://x.test/'>",
    "<\xc3\xa1 href='http://x.test/'>",
    "</a href='http://x.test/'>",
    "<!a href='http://x.test/'>",
    "<?a href='http://x.test/'?>",
    "<a href='http://x.test/'",
    "<a href='http://x.test/",
    "<a href=http://x.test/",
    "<a href='http://x.test/' ",
    "<a href='http://x.test/' title='><a href=\"http://y.test/\">",
    "<a title=\"<a href='http://x.test/'>\">",
    "<!--!> <a href='http://x.test/'> -->",
    "<? <a href='http://x.test/'> ?>",
    "<style></styles><a href='http://x.test/'></style>",
    "<style><?style><a href='http://x.test/'></style>",
    "<!-- <a href='http://x.test/'> -->",
    "<!-- <a href='http://x.test/'> --",
    "<!--- > <a href='http://x.test/'>",
    "<!-- <a href='http://x.test/'>",
    "<!",
    "<!-",
    "<!--",
    "<!--->",
    "<",
    "</",
    "<a",
    "</a",
    "<a /",
    "<style><a href='http://x.test/'></style>",
    "<script>'<a href=\"http://x.test/\">'</script>",
    "<title><a href='http://x.test/'></title>",
    "<textarea><a href='http://x.test/'></textarea>",
    "<xmp><a href='http://x.test/'></xmp>",
    "<iframe><a href='http://x.test/'></iframe>",
    "<noembed><a href='http://x.test/'></noembed>",
    "<noframes><a href='http://x.test/'></noframes>",
    "<plaintext></plaintext><a href='http://x.test/'>",
    "<style><a href='http://x.test/'></style",
    "<style><a href='http://x.test/'></stylex>",
    "<title/><a href='http://x.test/'>",
    "<![CDATA[ <a href='http://x.test/'> ]]>",
    "<![CDATA[<a href='http://x.test/'></a>]]>",
};

static void all_else_stays(void **state)
{
    for (size_t i = 0; i < sizeof untouched / sizeof *untouched; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);

        print_message("# %s\n", untouched[i]);
        assert_ptr_equal(rewritten(untouched[i], strlen(untouched[i]), &with, *state).data, untouched[i]);
        assert_int_equal(seen.count, 0);
    }
}

static void nuls_are_bytes(void **state)
{
    static const char html[] =
        "\0<a\0 href='http://x.test/\0'><a class='no-track\0' href='http://y.test/'>\0";
    static const char wanted[] = "\0<a\0 href='http://x.test/\0'><a class='no-track\0' href='T1'>\0";
    links seen;
    egs_rewriting with = tracking(&seen, *state);
    eg_bytes made = egs_rewrite_html(html, sizeof html - 1, &with, *state);

    assert_int_equal(made.size, sizeof wanted - 1);
    assert_memory_equal(made.data, wanted, made.size);
    assert_string_equal(seen.asked.data, "http://y.test/");
}

static const char *leave(void *baton, const char *url, apr_pool_t *pool)
{
    (void)url, (void)pool;
    ++*(int *)baton;
    return NULL;
}

static void a_link_may_be_left(void **state)
{
    static const char html[] = "<a href=http://x.test/>";
    int asked = 0;
    egs_rewriting with = { .link = leave, .baton = &asked };

    assert_ptr_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data, html);
    assert_int_equal(asked, 1);
    with.link = NULL;
    assert_ptr_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data, html);
}

static const char *as_given(void *baton, const char *url, apr_pool_t *pool)
{
    (void)url;
    return apr_pstrdup(pool, baton);
}

static void urls_are_escaped(void **state)
{
    static const char html[] = "<a href='http://x.test/'><a href=\"http://x.test/\"><a href=http://x.test/>";
    egs_rewriting with = { .link = as_given, .baton = "'\"><&amp;" };

    assert_string_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data,
                        "<a href='&#39;&quot;&gt;&lt;&amp;amp;'><a href=\"&#39;&quot;&gt;&lt;&amp;amp;\">"
                        "<a href=\"&#39;&quot;&gt;&lt;&amp;amp;\">");
}

/* -- character references -- */

static const struct {
    const char *value, *url;
} references[] = {
    { "?a=1&amp;b=2", "?a=1&b=2" },
    { "?a=1&ampb=2", "?a=1&ampb=2" },
    { "?a=1&amp=2", "?a=1&amp=2" },
    { "?a=1&amp", "?a=1&" },
    { "?a=1&amp&amp;", "?a=1&&" },
    { "?a=1&amp/", "?a=1&/" },
    { "?a=1&b=2", "?a=1&b=2" },
    { "?a=1&&b&", "?a=1&&b&" },
    { "?a&amp;amp;b", "?a&amp;b" },
    { "?a&AMP;b", "?a&b" },
    { "?a=1&copy=2", "?a=1&copy=2" },
    { "?a=1&copy2", "?a=1&copy2" },
    { "?a=1&copy", "?a=1\xc2\xa9" },
    { "?a=1&notit", "?a=1&notit" },
    { "?a=1&lang=en&times=3&reg=4", "?a=1&lang=en&times=3&reg=4" },
    { "?a=1&hellip", "?a=1&hellip" },
    { "?a=1&hellip;", "?a=1\xe2\x80\xa6" },
    { "?&eacute;&Eacute;&euml", "?\xc3\xa9\xc3\x89\xc3\xab" },
    { "&sol;&quest;&equals;&num;&colon;&period;", "/?=#:." },
    { "&Tab;&NewLine;x", "x" },
    { "&#65;&#x42;&#X43;&#x44", "ABCD" },
    { "&#38;amp;", "&amp;" },
    { "&#000000000000000000000000000065;", "A" },
    { "&#65x&#x4Az", "AxJz" },
    { "&#;&#x;&#", "&#;&#x;&#" },
    { "&#xe9;&#8364;&#x1F600;", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "&#0;&#xd800;&#x110000;&#99999999999999999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    { "&#x100000041;&#4294967361;", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "&#128;&#x9f;&#x81;", "\xe2\x82\xac\xc5\xb8\xc2\x81" },
    { "&#10;&#13;&#9;x&#32;y&#32;", "x y" },
    { "&quot;&apos;&lt;&gt;&LT;&GT&QUOT;", "\"'<><>\"" },
    { "& amp;&-&\xc3\xa9;", "& amp;&-&\xc3\xa9;" },
    { "&zwnj;&AElig;&DiacriticalGrave;", "\xe2\x80\x8c\xc3\x86`" },
};

static void references_are_decoded_once(void **state)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        links seen;
        egs_rewriting with = tracking(&seen, *state);
        const char *html = apr_pstrcat(*state, "<a href=\"http://x.test/", references[i].value, "\">", NULL);

        print_message("# %s\n", references[i].value);
        rewritten(html, strlen(html), &with, *state);
        assert_string_equal(seen.asked.data, apr_pstrcat(*state, "http://x.test/", references[i].url, NULL));
    }
}

static void schemes_are_decoded_too(void **state)
{
    static const char html[] =
        "<a href='&#104;ttp&colon;&sol;&#x2f;x.test'><a href='&#10;java&Tab;script&colon;x'>";
    links seen;
    egs_rewriting with = tracking(&seen, *state);

    assert_string_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data,
                        "<a href='T1'><a href='&#10;java&Tab;script&colon;x'>");
    assert_string_equal(seen.asked.data, "http://x.test");
}

/* -- pixel and footer -- */

static const struct {
    const char *what, *html, *rewritten; /* footer "F", pixel "P" */
} places[] = {
    { "the end of the body", "<html><body>x</body></html>\n", "<html><body>xFP</body></html>\n" },
    { "letter case and blanks", "x</BODY\n></html>", "xFP</BODY\n></html>" },
    { "the last one", "a</body>b</body>c", "a</body>bFP</body>c" },
    { "no end of the body", "<html>x</html>\n", "<html>xFP</html>\n" },
    { "neither", "<p>x\n", "<p>x\nFP" },
    { "nothing at all", "", "FP" },
    { "a start tag is none", "<body>x", "<body>xFP" },
    { "not in a comment", "x</body><!-- </body> -->", "xFP</body><!-- </body> -->" },
    { "not in text for Outlook", "x</body><!--[if mso]></body><![endif]-->",
      "xFP</body><!--[if mso]></body><![endif]-->" },
    { "not in a script", "x</body><script>'</body>'</script>", "xFP</body><script>'</body>'</script>" },
    { "not in a value", "x</body><p title='</body>'>", "xFP</body><p title='</body>'>" },
    { "not in CDATA", "x</body><![CDATA[</body>]]>", "xFP</body><![CDATA[</body>]]>" },
    { "not behind what has no end", "x<!-- </body>", "xFP<!-- </body>" },
    { "... a tag", "x<a title='</body>", "xFP<a title='</body>" },
    { "... an element", "x<style>y</body>", "xFP<style>y</body>" },
    { "... an empty one", "x<style>", "xFP<style>" },
    { "other elements", "x</bodyx></xbody></tbody>", "x</bodyx></xbody></tbody>FP" },
};

static void footer_and_pixel_have_their_place(void **state)
{
    egs_rewriting with = { .pixel = "P", .unsubscribe_url = URL, .footer_html = "F" };

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        print_message("# %s\n", places[i].what);
        assert_string_equal(rewritten(places[i].html, strlen(places[i].html), &with, *state).data,
                            places[i].rewritten);
    }
}

static void only_what_is_asked_for(void **state)
{
    static const char html[] = "x{{unsubscribe}}</body><a href='{{unsubscribe}}'>";
    egs_rewriting with = { .pixel = "P", .footer_html = "F" };

    assert_string_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data,
                        "x{{unsubscribe}}P</body><a href='{{unsubscribe}}'>");
    with = (egs_rewriting){ .unsubscribe_url = URL };
    assert_string_equal(egs_rewrite_html("x", 1, &with, *state).data, "x");
}

static void inserted_among_links(void **state)
{
    static const char html[] =
        "<a href='http://x.test/'></body><a href='http://y.test/'><a href='http://z.test/'>";
    links seen;
    egs_rewriting with = tracking(&seen, *state);

    with.pixel = "<img>";
    assert_string_equal(egs_rewrite_html(html, sizeof html - 1, &with, *state).data,
                        "<a href='T1'><img></body><a href='T2'><a href='T3'>");
}

/* -- the link to unsubscribe -- */

static const struct {
    const char *what, *html, *rewritten; /* footer "F" */
} unsubscribes[] = {
    { "in text", "x {{unsubscribe}}.", "x <a href=\"" ESCAPED "\">Leave &amp; go</a>." },
    { "blanks", "{{ unsubscribe\t }}", "<a href=\"" ESCAPED "\">Leave &amp; go</a>" },
    { "in a link's text", "<a id=x>{{unsubscribe}}</a>", "<a id=x>" ESCAPED "</a>" },
    { "as an address", "<a href=\"{{unsubscribe}}\">x</a>", "<a href=\"" ESCAPED "\">x</a>" },
    { "in single quotes", "<a href='{{unsubscribe}}'>x</a>", "<a href='" ESCAPED "'>x</a>" },
    { "without quotes", "<a href={{unsubscribe}}>x</a>", "<a href=\"" ESCAPED "\">x</a>" },
    { "with blanks", "<area href=\"\n {{  unsubscribe }} \">", "<area href=\"" ESCAPED "\">" },
    { "of a link that is not tracked", "<a class=no-track href='{{unsubscribe}}'>x",
      "<a class=no-track href='" ESCAPED "'>x" },
    { "both", "<a href='{{unsubscribe}}'>{{unsubscribe}}</a>{{unsubscribe}}",
      "<a href='" ESCAPED "'>" ESCAPED "</a><a href=\"" ESCAPED "\">Leave &amp; go</a>" },
    { "behind what would make a tag of it", "<a><{{unsubscribe}}>", "<a><{{unsubscribe}}>F" },
    { "another name", "{{unsubscribed}}", "{{unsubscribed}}F" },
    { "letter case", "{{Unsubscribe}}", "{{Unsubscribe}}F" },
    { "single braces", "{unsubscribe}", "{unsubscribe}F" },
    { "three braces", "{{{unsubscribe}}}", "{{{unsubscribe}}}F" },
    { "... in front", "{{{unsubscribe}}", "{{{unsubscribe}}F" },
    { "... behind", "{{unsubscribe}}}", "{{unsubscribe}}}F" },
    { "cut off", "{{unsubscribe}", "{{unsubscribe}F" },
    { "more", "{{unsub", "{{unsubF" },
    { "a tag within", "{{unsub<b>scribe}}", "{{unsub<b>scribe}}F" },
    { "a line end within", "{{\nunsubscribe}}", "{{\nunsubscribe}}F" },
    { "part of an address", "<a href='http://x.test/{{unsubscribe}}'>",
      "<a href='http://x.test/{{unsubscribe}}'>F" },
    { "another attribute", "<a title='{{unsubscribe}}'>", "<a title='{{unsubscribe}}'>F" },
    { "another element", "<form action='{{unsubscribe}}'>", "<form action='{{unsubscribe}}'>F" },
    { "in a comment", "<!-- {{unsubscribe}} -->", "<!-- {{unsubscribe}} -->F" },
    { "in the title", "<title>{{unsubscribe}}</title>", "<title>{{unsubscribe}}</title>F" },
    { "in a tag without an end", "<p {{unsubscribe}}", "F<p {{unsubscribe}}" },
    { "braces before it", "{{a}} { {{unsubscribe}}", "{{a}} { <a href=\"" ESCAPED "\">Leave &amp; go</a>" },
};

static void unsubscribe_becomes_a_link(void **state)
{
    links seen;
    egs_rewriting with = tracking(&seen, *state);

    with.unsubscribe_url = URL;
    with.unsubscribe_words = "Leave & go";
    with.footer_html = "F";
    for (size_t i = 0; i < sizeof unsubscribes / sizeof *unsubscribes; i++) {
        print_message("# %s\n", unsubscribes[i].what);
        assert_string_equal(rewritten(unsubscribes[i].html, strlen(unsubscribes[i].html), &with, *state).data,
                            unsubscribes[i].rewritten);
        assert_int_equal(seen.count, 0);
    }
}

static void a_footer_has_the_link(void **state)
{
    egs_rewriting with = { .unsubscribe_url = URL,
                           .unsubscribe_words = "Go",
                           .footer_html = "<p>{{unsubscribe}} <a href='{{unsubscribe}}'>x</a></p>" };

    assert_string_equal(egs_rewrite_html("x", 1, &with, *state).data,
                        "x<p><a href=\"" ESCAPED "\">Go</a> <a href='" ESCAPED "'>x</a></p>");
    with.unsubscribe_words = NULL;
    with.footer_html = "{{unsubscribe}}";
    assert_string_equal(egs_rewrite_html("x", 1, &with, *state).data,
                        "x<a href=\"" ESCAPED "\">" ESCAPED "</a>");
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
    static const char piece[] = "<a href='http://x.test/'>", ours[] = "{{unsubscribe}}";
    apr_size_t length = (EGS_REWRITE_LINKS_MAX + 10) * (sizeof piece - 1);
    links seen;
    egs_rewriting with = tracking(&seen, *state);
    const char *made = egs_rewrite_html(repeated(piece, length, *state), length, &with, *state).data;

    assert_int_equal(seen.count, EGS_REWRITE_LINKS_MAX);
    assert_string_equal(made + strlen(made) - 10 * (sizeof piece - 1),
                        repeated(piece, 10 * (sizeof piece - 1), *state));
    with.unsubscribe_url = URL;
    length = (EGS_REWRITE_LINKS_MAX + 1) * (sizeof ours - 1);
    made = egs_rewrite_html(repeated(ours, length, *state), length, &with, *state).data;
    assert_ptr_equal(strstr(made, ours), made + strlen(made) - (sizeof ours - 1));
}

static const char *const nasty[] = {
    "<a ",
    "<a href='",
    "<a href=\"http://x.test/\" ",
    "<!--",
    "<!-- --",
    "{{",
    "{{ ",
    "{{unsubscribe",
    "\"",
    "<",
    "<![CDATA[",
    "<![CDATA[>",
    "</",
    "<a>",
    "</body>",
    "<style>",
    "<style></style",
    "<style></style>",
    "<title></",
    "&",
    "<a href='http://x.test/&amp",
    "<a href='http://x.test/%'>",
    "-",
    "<!---",
    "<a =",
    "<a/",
    "<p title='",
    "<a href='http://x.test/'>",
    "{{{unsubscribe}}} ",
    "<a class='",
    "<a class=' no-track'>",
    "<!-->",
    "<?",
    "<plaintext>",
    "\xff",
    "\r\n",
};

/* 5 MB of each. */
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
        with.pixel = "P";
        with.unsubscribe_url = URL;
        with.footer_html = "F";
        text = repeated(nasty[i], size, pool);
        before = clock();
        egs_rewrite_html(text, size, &with, pool);
        took = (double)(clock() - before) / CLOCKS_PER_SEC;
        print_message("# %s: %.0f ms\n", nasty[i], took * 1000);
        assert_true(took < 1);
        apr_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(links_are_replaced),
        EG_TEST(all_else_stays),
        EG_TEST(nuls_are_bytes),
        EG_TEST(a_link_may_be_left),
        EG_TEST(urls_are_escaped),
        EG_TEST(references_are_decoded_once),
        EG_TEST(schemes_are_decoded_too),
        EG_TEST(footer_and_pixel_have_their_place),
        EG_TEST(only_what_is_asked_for),
        EG_TEST(inserted_among_links),
        EG_TEST(unsubscribe_becomes_a_link),
        EG_TEST(a_footer_has_the_link),
        EG_TEST(links_beyond_the_limit_stay),
        EG_TEST(time_is_linear),
    };

    return EG_TEST_RUN(tests);
}
