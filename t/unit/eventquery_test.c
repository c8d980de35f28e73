/* eg_eventquery_parse: what a person types into the search box, as terms. */
#include <string.h>

#include <apr_strings.h>

#include "eventquery.h"
#include "eventtype.h"
#include "testpool.h"

#define ID "01900000-0000-7000-8000-00000000000a"
#define OTHER_ID "01900000-0000-7000-8000-00000000000b"
#define A16 "aaaaaaaaaaaaaaaa"
#define A128 A16 A16 A16 A16 A16 A16 A16 A16

static const char *const names[] = { "any", "subject", "from", "to", "domain", "tag", "url", "ip", "reason" };

/* "subject=a b|any=c": fields and texts in order. */
static const char *terms_of(const eg_eventquery *query, apr_pool_t *pool)
{
    const char *list = "";

    for (int i = 0; i < query->count; i++) {
        list = apr_psprintf(pool, "%s%s%s=%s", list, i > 0 ? "|" : "", names[query->terms[i].field],
                            query->terms[i].text);
    }
    return list;
}

static const struct {
    const char *what, *text, *terms;
} cases[] = {
    { "nothing", "", "" },
    { "blanks", " \t\r\n \xC2\xA0\xE3\x80\x80 ", "" },
    { "a word", "welcome", "any=welcome" },
    { "letter case stays: the database folds it", "WelCome", "any=WelCome" },
    { "words", "  welcome   to  ", "any=welcome|any=to" },
    { "words between wide blanks", "\xE6\x97\xA5\xE3\x80\x80\xE6\x9C\xAC\xC2\xA0x",
      "any=\xE6\x97\xA5|any=\xE6\x9C\xAC|any=x" },
    { "a phrase", "\"welcome to\"", "any=welcome to" },
    { "a phrase keeps its blanks", "\"  a  b \"", "any=  a  b " },
    { "phrases without a blank between", "\"a b\"\"c d\"e", "any=a b|any=c d|any=e" },
    { "a field", "subject:welcome", "subject=welcome" },
    { "a field in other letters", "SubJect:Welcome", "subject=Welcome" },
    { "a field with a phrase", "subject:\"welcome to\" x", "subject=welcome to|any=x" },
    { "a field twice", "tag:a tag:b", "tag=a|tag=b" },
    { "each field", "subject:a from:b to:c domain:d tag:e url:f ip:g reason:h",
      "subject=a|from=b|to=c|domain=d|tag=e|url=f|ip=g|reason=h" },
    { "a value with colons", "url:https://example.com/?a=1", "url=https://example.com/?a=1" },
    { "a field as a value", "subject:subject:a", "subject=subject:a" },
    { "an IPv6 address", "ip:2001:DB8::1", "ip=2001:DB8::1" },
    { "a domain as it is stored",
      "domain:B\xC3\xBC"
      "CHER.example",
      "domain=xn--bcher-kva.example" },
    { "a domain that is none", "domain:example", "domain=example" },
    { "an address as it is stored",
      "to:Ann@B\xC3\xBC"
      "CHER.example",
      "to=Ann@xn--bcher-kva.example" },
    { "a part of an address", "to:ann@", "to=ann@" },

    /* What is no syntax is text. */
    { "a quotation mark alone", "\"", "any=\"" },
    { "one that none closes", "say \"hello there", "any=say|any=\"hello|any=there" },
    { "an empty phrase", "\"\"", "any=\"\"" },
    { "a phrase of blanks", "\"  \"", "any=\"|any=\"" },
    { "a quotation mark within a word", "5\"x7\" big", "any=5\"x7\"|any=big" },
    { "a field alone", "subject:", "any=subject:" },
    { "a field before a blank", "subject: welcome", "any=subject:|any=welcome" },
    { "a field with an empty phrase", "subject:\"\"", "any=subject:\"\"" },
    { "a field with an open phrase", "subject:\"a b", "subject=\"a|any=b" },
    { "an unknown field", "foo:bar", "any=foo:bar" },
    { "an unknown field with a phrase", "foo:\"bar baz\"", "any=foo:\"bar|any=baz\"" },
    { "a field within a word", "xsubject:a", "any=xsubject:a" },
    { "a colon alone", ": :a", "any=:|any=:a" },
    { "a field's name alone", "subject", "any=subject" },
    { "minus", "-word -subject:a", "any=-word|any=-subject:a" },
    { "operators", "a AND (b | !c) NOT d", "any=a|any=AND|any=(b|any=||any=!c)|any=NOT|any=d" },
    { "characters of LIKE", "100% a_b \\ \\% %", "any=100%|any=a_b|any=\\|any=\\%|any=%" },
    { "a bomb for regular expressions", "((((a|a)*)*)*", "any=((((a|a)*)*)*" },
    { "a bomb for tsquery", "!!!&|<->:*", "any=!!!&|<->:*" },
    { "SQL", "' OR 1=1-- $1 $$", "any='|any=OR|any=1=1--|any=$1|any=$$" },
    { "control characters are blanks", "a\001b \"c\nd\"", "any=a|any=b|any=c d" },
    { "marks that turn the direction are blanks",
      "a\xE2\x80\xAE"
      "b",
      "any=a|any=b" },
};

static void reads_terms(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_eventquery query;
        const char *problem;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_eventquery_parse(&query, &problem, cases[i].text, *state), APR_SUCCESS);
        assert_string_equal(terms_of(&query, *state), cases[i].terms);
        assert_int_equal(query.type, 0);
        assert_null(query.message_id);
        assert_int_equal(query.nothing, 0);
    }
}

static const struct {
    const char *what, *text;
    int type;
    const char *message_id;
    int nothing;
    const char *terms;
} narrowed[] = {
    { "an event", "event:open", EG_EVENT_OPEN, NULL, 0, "" },
    { "by its other name", "EVENT:Bounced", EG_EVENT_BOUNCE, NULL, 0, "" },
    { "as a phrase", "event:\"click\"", EG_EVENT_CLICK, NULL, 0, "" },
    { "twice the same", "event:open event:opened", EG_EVENT_OPEN, NULL, 0, "" },
    { "two events", "event:open event:click", -1, NULL, 1, "" },
    { "an unknown event", "event:teleport", -1, NULL, 1, "" },
    { "an unknown event and a known one", "event:teleport event:open", -1, NULL, 1, "" },
    { "no event but a word", "event:", 0, NULL, 0, "any=event:" },
    { "a message", "messageid:" ID, 0, ID, 0, "" },
    { "a message as its header has it", "messageid:<" ID "@example.com>", 0, ID, 0, "" },
    { "half of that", "messageid:" ID "@example.com", 0, ID, 0, "" },
    { "the same message twice", "messageid:" ID " messageid:01900000-0000-7000-8000-00000000000A", 0,
      "01900000-0000-7000-8000-00000000000A", 0, "" },
    { "two messages", "messageid:" ID " messageid:" OTHER_ID, 0, OTHER_ID, 1, "" },
    { "an id that is none", "messageid:01900000", 0, NULL, 1, "" },
    { "LIKE in an id", "messageid:%", 0, NULL, 1, "" },
    { "with words", "event:open welcome messageid:" ID, EG_EVENT_OPEN, ID, 0, "any=welcome" },
};

static void narrows_by_event_and_message(void **state)
{
    for (size_t i = 0; i < sizeof narrowed / sizeof *narrowed; i++) {
        eg_eventquery query;
        const char *problem;

        print_message("# %s\n", narrowed[i].what);
        assert_int_equal(eg_eventquery_parse(&query, &problem, narrowed[i].text, *state), APR_SUCCESS);
        assert_string_equal(terms_of(&query, *state), narrowed[i].terms);
        assert_int_equal(query.nothing, narrowed[i].nothing);
        if (narrowed[i].type >= 0) {
            assert_int_equal(query.type, narrowed[i].type);
        }
        if (narrowed[i].message_id == NULL) {
            assert_null(query.message_id);
        }
        else {
            assert_string_equal(query.message_id, narrowed[i].message_id);
        }
    }
}

static const struct {
    const char *what, *text;
    const char *problem; /* NULL: it is taken */
} bounded[] = {
    { "a term of 256 bytes", A128 A128, NULL },
    { "a term of 257", A128 A128 "a", "a word or phrase has more than 256 bytes" },
    { "a phrase of 256", "\"" A128 A128 "\"", NULL },
    { "a phrase of 257", "subject:\"" A128 A128 "a\"", "a word or phrase has more than 256 bytes" },
    { "16 terms", "a b c d e f g h i j k l m n o p", NULL },
    { "17 terms", "a b c d e f g h i j k l m n o p q", "there are more than 16 words and phrases" },
    { "1000 bytes",
      A128 " " A128 " " A128 " " A128 " " A128 " " A128 " " A128 " " A16 A16 A16 A16 A16 A16 "a", NULL },
    { "1001 bytes",
      A128 " " A128 " " A128 " " A128 " " A128 " " A128 " " A128 " " A16 A16 A16 A16 A16 A16 "aa",
      "it must be UTF-8 text of at most 1000 bytes" },
    { "broken UTF-8", "a\xC3", "it must be UTF-8 text of at most 1000 bytes" },
    { "UTF-8 that is not the shortest", "\xC0\xA0", "it must be UTF-8 text of at most 1000 bytes" },
    { "a surrogate", "\xED\xA0\x80", "it must be UTF-8 text of at most 1000 bytes" },
};

static void keeps_its_bounds(void **state)
{
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        eg_eventquery query;
        const char *problem;
        apr_status_t rv;

        print_message("# %s\n", bounded[i].what);
        rv = eg_eventquery_parse(&query, &problem, bounded[i].text, *state);
        assert_int_equal(rv, bounded[i].problem == NULL ? APR_SUCCESS : APR_EINVAL);
        if (bounded[i].problem != NULL) {
            assert_string_equal(problem, bounded[i].problem);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_terms),
        EG_TEST(narrows_by_event_and_message),
        EG_TEST(keeps_its_bounds),
    };

    return EG_TEST_RUN(tests);
}
