/* eg_template_check, eg_template_fill: fields, what their values may become, and where a template is broken. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "json.h"
#include "template.h"

#define MAX 1000 /* bytes of what is filled in here */

static const char first[] =
    "{\"name\": \"Ann\", \"empty\": \"\", \"gone\": null, \"nice\": \"<b>&\\\"'{{x\", \"n\": 3, "
    "\"real\": 0.1, \"yes\": true, \"list\": [1], \"deep\": {\"er\": {\"one\": \"1\"}}, "
    "\"lines\": \"a\\r\\nBcc: x@y.test\\u2028b\", \"umlaut\": \"\\u00fc\"}";
static const char second[] = "{\"name\": \"Bob\", \"empty\": \"x\", \"gone\": \"back\", \"town\": \"Rome\"}";
static const char third[] = "{\"email\": \"ann@example.org\", \"town\": \"Oslo\"}";

static eg_template_fields fields_of(apr_pool_t *pool)
{
    const char *const texts[EG_TEMPLATE_SCOPES] = { first, second, third };
    eg_template_fields fields;

    for (int i = 0; i < EG_TEMPLATE_SCOPES; i++) {
        json_t *value = NULL;
        const char *problem;

        assert_int_equal(eg_json_parse(&value, &problem, texts[i], strlen(texts[i]), pool), APR_SUCCESS);
        fields.scopes[i] = value;
    }
    return fields;
}

static const struct {
    const char *what, *text;
    eg_template_kind kind;
    const char *becomes;
} cases[] = {
    { "nothing to fill in", "Hello {x} }} {", EG_TEMPLATE_PLAIN, "Hello {x} }} {" },
    { "empty", "", EG_TEMPLATE_HTML, "" },
    { "a field", "Hello {{ name }}!", EG_TEMPLATE_PLAIN, "Hello Ann!" },
    { "without blanks", "{{name}}{{name}}", EG_TEMPLATE_PLAIN, "AnnAnn" },
    { "blanks of every kind", "{{ \t\r\n name\n}}", EG_TEMPLATE_PLAIN, "Ann" },
    { "raw", "{{{ name }}}", EG_TEMPLATE_PLAIN, "Ann" },
    { "a brace behind it", "{{name}}}", EG_TEMPLATE_PLAIN, "Ann}" },
    { "the first scope wins", "{{name}}", EG_TEMPLATE_PLAIN, "Ann" },
    { "an empty text is a value", "[{{empty}}]", EG_TEMPLATE_PLAIN, "[]" },
    { "null is none", "{{gone}}", EG_TEMPLATE_PLAIN, "back" },
    { "the second scope", "{{town}}", EG_TEMPLATE_PLAIN, "Rome" },
    { "the third", "{{email}}", EG_TEMPLATE_PLAIN, "ann@example.org" },
    { "missing", "[{{nobody}}]", EG_TEMPLATE_PLAIN, "[]" },
    { "letter case counts", "[{{Name}}]", EG_TEMPLATE_PLAIN, "[]" },
    { "number", "{{n}} {{real}}", EG_TEMPLATE_PLAIN, "3 0.1" },
    { "boolean", "{{yes}}", EG_TEMPLATE_PLAIN, "true" },
    { "array and object", "[{{list}}{{deep}}]", EG_TEMPLATE_PLAIN, "[]" },
    { "within objects", "{{deep.er.one}}", EG_TEMPLATE_PLAIN, "1" },
    { "beyond them", "[{{deep.er.one.more}}{{name.x}}]", EG_TEMPLATE_PLAIN, "[]" },
    { "escaped in HTML", "{{nice}}", EG_TEMPLATE_HTML, "&lt;b&gt;&amp;&quot;&#39;&#123;&#123;x" },
    { "raw in HTML", "{{{nice}}}", EG_TEMPLATE_HTML, "<b>&\"'{{x" },
    { "not escaped in plain text", "{{nice}}", EG_TEMPLATE_PLAIN, "<b>&\"'{{x" },
    { "not escaped in a subject", "{{nice}}", EG_TEMPLATE_LINE, "<b>&\"'{{x" },
    { "what is filled in is no template", "{{{nice}}} {{name}}", EG_TEMPLATE_PLAIN, "<b>&\"'{{x Ann" },
    { "lines in plain text", "{{lines}}", EG_TEMPLATE_PLAIN,
      "a\r\nBcc: x@y.test\xE2\x80\xA8"
      "b" },
    { "no lines in a subject", "{{lines}}", EG_TEMPLATE_LINE, "a  Bcc: x@y.test b" },
    { "no raw ones either", "{{{lines}}}", EG_TEMPLATE_LINE, "a  Bcc: x@y.test b" },
    { "nor a subject's own", "a\r\nb\x7F", EG_TEMPLATE_LINE, "a  b " },
    { "a link to unsubscribe", "<p>{{unsubscribe}}{{ unsubscribe }}{{{unsubscribe}}}", EG_TEMPLATE_HTML,
      "<p>{{unsubscribe}}{{unsubscribe}}{{unsubscribe}}" },
    { "... in plain text", "{{ unsubscribe }}", EG_TEMPLATE_PLAIN, "{{unsubscribe}}" },
    { "... none in a subject", "[{{unsubscribe}}]", EG_TEMPLATE_LINE, "[]" },
};

static void fills_in(void **state)
{
    eg_template_fields fields = fields_of(*state);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *out = NULL;
        eg_template_fault fault;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_template_check(&fault, cases[i].text), APR_SUCCESS);
        assert_int_equal(eg_template_fill(&out, cases[i].text, cases[i].kind, &fields, MAX, *state),
                         APR_SUCCESS);
        assert_string_equal(out, cases[i].becomes);
    }
}

static const struct {
    const char *what, *text;
    int line, column;
    const char *says;
} broken[] = {
    { "not closed", "Hello {{name", 1, 7, "not closed by '}}'" },
    { "closed by one", "{{name}", 1, 1, "not closed by '}}'" },
    { "three by two", "{{{name}}", 1, 1, "not closed by '}}}'" },
    { "nothing in it", "{{}}", 1, 1, "a field is expected" },
    { "blanks in it", "{{  }}", 1, 1, "a field is expected" },
    { "four braces", "{{{{name}}}}", 1, 1, "a field is expected" },
    { "a block", "a\n b {{#if x}}", 2, 4, "a field is expected" },
    { "two words", "{{first name}}", 1, 1, "not closed" },
    { "an expression", "{{7*7}}", 1, 1, "not closed" },
    { "a dot at the end", "{{name.}}", 1, 1, "not closed" },
    { "a dot first", "{{.name}}", 1, 1, "a field is expected" },
    { "two dots", "{{a..b}}", 1, 1, "not closed" },
    { "a letter of another script", "{{n\xC3\xA4me}}", 1, 1, "not closed" },
    { "the second one", "{{a}}\r\n{{b}}\r\nx{{c", 3, 2, "not closed" },
};

static void tells_where_it_is_broken(void **state)
{
    eg_template_fields fields = { { NULL } };

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        eg_template_fault fault = { 0 };
        const char *out = NULL;

        print_message("# %s\n", broken[i].what);
        assert_int_equal(eg_template_check(&fault, broken[i].text), APR_EINVAL);
        assert_int_equal(fault.line, broken[i].line);
        assert_int_equal(fault.column, broken[i].column);
        assert_non_null(strstr(fault.problem, broken[i].says));
        assert_int_equal(eg_template_fill(&out, broken[i].text, EG_TEMPLATE_PLAIN, &fields, MAX, *state),
                         APR_EINVAL);
    }
}

static void bounds_names(void **state)
{
    char *text = apr_psprintf(*state, "{{%0*d}}", EG_TEMPLATE_FIELD_MAX, 7);
    eg_template_fault fault;

    assert_int_equal(eg_template_check(&fault, text), APR_SUCCESS);
    text = apr_psprintf(*state, "{{%0*d}}", EG_TEMPLATE_FIELD_MAX + 1, 7);
    assert_int_equal(eg_template_check(&fault, text), APR_EINVAL);
    assert_non_null(strstr(fault.problem, "longer"));
}

static void bounds_what_it_becomes(void **state)
{
    eg_template_fields fields = fields_of(*state);
    const char *out = NULL;

    assert_int_equal(eg_template_fill(&out, "{{name}}{{name}}", EG_TEMPLATE_HTML, &fields, 6, *state),
                     APR_SUCCESS);
    assert_int_equal(eg_template_fill(&out, "{{name}}{{name}}", EG_TEMPLATE_HTML, &fields, 5, *state),
                     APR_ENOSPC);
    assert_int_equal(eg_template_fill(&out, "{{name}}x", EG_TEMPLATE_PLAIN, &fields, 3, *state), APR_ENOSPC);
    /* A line is cut instead, between characters. */
    assert_int_equal(eg_template_fill(&out, "{{name}}{{umlaut}}x", EG_TEMPLATE_LINE, &fields, 4, *state),
                     APR_SUCCESS);
    assert_string_equal(out, "Ann");
    assert_int_equal(eg_template_fill(&out, "{{name}}{{umlaut}}x", EG_TEMPLATE_LINE, &fields, 5, *state),
                     APR_SUCCESS);
    assert_string_equal(out, "Ann\xC3\xBC");
}

static void does_without_scopes(void **state)
{
    eg_template_fields fields = { { NULL } };
    const char *out = NULL;

    assert_int_equal(eg_template_fill(&out, "[{{a}}{{b.c}}]", EG_TEMPLATE_HTML, &fields, MAX, *state),
                     APR_SUCCESS);
    assert_string_equal(out, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(fills_in),
        EG_TEST(tells_where_it_is_broken),
        EG_TEST(bounds_names),
        EG_TEST(bounds_what_it_becomes),
        EG_TEST(does_without_scopes),
    };

    return EG_TEST_RUN(tests);
}
