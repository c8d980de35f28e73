/* eg_taglist_parse: RFC 6376 section 3.2. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "taglist.h"

static const struct {
    const char *what, *text;
    const char *tags; /* as "[name|value]..."; NULL where it is refused */
} cases[] = {
    { "one tag", "v=DKIM1", "[v|DKIM1]" },
    { "several", "v=DKIM1; k=rsa; p=AB", "[v|DKIM1][k|rsa][p|AB]" },
    { "semicolon at the end", "v=DKIM1;p=AB;", "[v|DKIM1][p|AB]" },
    { "blanks at the end", "p=AB; ", "[p|AB]" },
    { "blanks everywhere", " \tv = DKIM1 ;\r\n p = A B\t; ", "[v|DKIM1][p|A B]" },
    { "empty value", "p=", "[p|]" },
    { "empty value, blanks", "p= ;k=rsa", "[p|][k|rsa]" },
    { "equals in the value", "p=AB==", "[p|AB==]" },
    { "unknown tag", "x_9=1;p=A", "[x_9|1][p|A]" },
    { "letter case of names counts", "P=1;p=2", "[P|1][p|2]" },
    { "twice", "p=1;p=1", NULL },
    { "nothing", "", NULL },
    { "blanks", "  ", NULL },
    { "semicolon alone", ";", NULL },
    { "two semicolons", "v=DKIM1;;p=A", NULL },
    { "two at the end", "v=DKIM1;;", NULL },
    { "no equals", "v=DKIM1;p", NULL },
    { "no name", "=1", NULL },
    { "digit first", "1a=1", NULL },
    { "hyphen in the name", "a-b=1", NULL },
    { "blank in the name", "a b=1", NULL },
    { "8-bit", "n=caf\xC3\xA9;p=A", NULL },
    { "escape", "n=\x1B[31m;p=A", NULL },
    { "DEL", "n=\x7F", NULL },
};

static const char *joined(const apr_array_header_t *tags, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; i < tags->nelts; i++) {
        const eg_tag *tag = &APR_ARRAY_IDX(tags, i, eg_tag);

        text = apr_pstrcat(pool, text, "[", tag->name, "|", tag->value, "]", NULL);
    }
    return text;
}

static void parses_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apr_array_header_t *tags = NULL;
        apr_status_t rv = eg_taglist_parse(&tags, cases[i].text, strlen(cases[i].text), *state);

        print_message("# %s\n", cases[i].what);
        assert_int_equal(rv, cases[i].tags != NULL ? APR_SUCCESS : APR_EINVAL);
        if (cases[i].tags != NULL) {
            assert_string_equal(joined(tags, *state), cases[i].tags);
        }
    }
}

static void refuses_nul_and_many(void **state)
{
    char *many = apr_palloc(*state, 10 * (EG_TAGLIST_MAX + 1)), *end = many;
    apr_array_header_t *tags;

    assert_int_equal(eg_taglist_parse(&tags, "p=A\0B", 5, *state), APR_EINVAL);
    for (int i = 0; i <= EG_TAGLIST_MAX; i++) {
        if (i == EG_TAGLIST_MAX) {
            assert_int_equal(eg_taglist_parse(&tags, many, (apr_size_t)(end - many), *state), APR_SUCCESS);
            assert_int_equal(tags->nelts, EG_TAGLIST_MAX);
        }
        end += apr_snprintf(end, 10, "t%d=x;", i);
    }
    assert_int_equal(eg_taglist_parse(&tags, many, (apr_size_t)(end - many), *state), APR_EINVAL);
}

static void finds_tags_and_words(void **state)
{
    apr_array_header_t *tags;

    assert_int_equal(eg_taglist_parse(&tags, "v=DKIM1; s=email: tlsrpt ; p=A", 30, *state), APR_SUCCESS);
    assert_string_equal(eg_taglist_get(tags, "p"), "A");
    assert_null(eg_taglist_get(tags, "P"));
    assert_null(eg_taglist_get(tags, "k"));
    assert_true(eg_taglist_begins(tags, "v", "DKIM1"));
    assert_false(eg_taglist_begins(tags, "v", "DKIM2"));
    assert_false(eg_taglist_begins(tags, "p", "A"));
    assert_true(eg_taglist_has_word(eg_taglist_get(tags, "s"), "email"));
    assert_true(eg_taglist_has_word(eg_taglist_get(tags, "s"), "TLSRPT"));
    assert_false(eg_taglist_has_word(eg_taglist_get(tags, "s"), "mail"));
    assert_false(eg_taglist_has_word("sha1", "sha256"));
    assert_false(eg_taglist_has_word("", "*"));
    assert_true(eg_taglist_has_word("a:*", "*"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(parses_or_refuses),
        EG_TEST(refuses_nul_and_many),
        EG_TEST(finds_tags_and_words),
    };

    return EG_TEST_RUN(tests);
}
