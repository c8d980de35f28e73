/* eg_mail_parse: POST /api/v1/email's parameters, rulings 23 and 25. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "json.h"
#include "mail.h"

#define NOW apr_time_from_sec(1800000000)

/* A whole mail but for the members that a case names. */
#define SUBJECT "\"Subject\": \"s\","
#define CONTENT "\"ContentType\": \"plain\", \"PlainContent\": \"p\","
#define FROM "\"From\": {\"email\": \"a@example.com\", \"name\": \"A\"},"
#define TO "\"To\": [{\"email\": \"b@example.org\", \"name\": \"\"}],"
#define ALL SUBJECT CONTENT FROM TO
#define MAIL(extra) "{" ALL extra " \"X\": 0}"

static const eg_limits limits = { .to_max = 50, .cc_max = 50, .bcc_max = 50, .reply_to_max = 10 };

static void parse_within(eg_mail *mail, eg_call *call, const char *json, int from_form,
                         apr_size_t values_left, const eg_limits *within, apr_pool_t *pool)
{
    const char *problem;

    memset(call, 0, sizeof *call);
    call->pool = pool;
    call->limits = within;
    call->now = NOW;
    call->from_form = from_form;
    call->values_left = values_left;
    eg_errors_init(&call->errors, pool);
    if (eg_json_parse(&call->args, &problem, json, strlen(json), pool) != APR_SUCCESS) {
        fail_msg("test's own JSON: %s: %s", problem, json);
    }
    eg_mail_parse(mail, call);
}

static void parse(eg_mail *mail, eg_call *call, const char *json, int from_form, apr_pool_t *pool)
{
    parse_within(mail, call, json, from_form, EG_JSON_VALUES_MAX, &limits, pool);
}

/* "3 8 20": the codes in the order of the answer. */
static const char *codes_of(eg_call *call)
{
    json_t *errors = eg_json_own(eg_errors_json(&call->errors), call->pool), *error;
    const char *codes = "";
    size_t i;

    json_array_foreach(json_object_get(errors, "Errors"), i, error)
    {
        codes = apr_psprintf(call->pool, "%s%s%d", codes, i > 0 ? " " : "",
                             (int)json_integer_value(json_object_get(error, "Code")));
        assert_true(json_string_length(json_object_get(error, "Message")) > 5);
    }
    return codes;
}

static const struct {
    const char *what, *json, *codes;
} cases[] = {
    { "the least", MAIL(""), "" },
    { "nothing at all", "{}", "3 8 9 20" },
    { "no Subject", "{" CONTENT FROM TO "\"X\": 0}", "8" },
    { "empty Subject", "{\"Subject\": \"\"," CONTENT FROM TO "\"X\": 0}", "8" },
    { "Subject is null", "{\"Subject\": null," CONTENT FROM TO "\"X\": 0}", "8" },
    { "Subject is a list", "{\"Subject\": [\"a\"]," CONTENT FROM TO "\"X\": 0}", "8" },
    { "Subject with a line", "{\"Subject\": \"x\\r\\nBcc: evil@example.net\"," CONTENT FROM TO "\"X\": 0}",
      "8" },
    { "Subject with CR", "{\"Subject\": \"x\\ry\"," CONTENT FROM TO "\"X\": 0}", "8" },
    { "names in any case",
      "{\"SUBJECT\": \"s\", \"contenttype\": \"HTML\", \"HTMLContent\": \"<p>\", "
      "\"from\": {\"Email\": \"a@example.com\", \"NAME\": \"A\"}, \"to\": {\"EMAIL\": \"b@example.org\", "
      "\"Name\": \"\"}}",
      "" },
    { "no ContentType: nothing about contents", "{" SUBJECT FROM TO "\"X\": 0}", "9" },
    { "unknown ContentType", "{" SUBJECT FROM TO "\"ContentType\": \"text/html\"}", "9" },
    { "html without it", "{" SUBJECT FROM TO "\"ContentType\": \"html\", \"PlainContent\": \"p\"}", "10" },
    { "plain without it", "{" SUBJECT FROM TO "\"ContentType\": \"plain\", \"HtmlContent\": \"p\"}", "11" },
    { "multipart without either", "{" SUBJECT FROM TO "\"ContentType\": \"multipart\"}", "10 11" },
    { "HtmlContent is a number", "{" SUBJECT FROM TO "\"ContentType\": \"html\", \"HtmlContent\": 1}", "10" },

    { "no From", "{" SUBJECT CONTENT TO "\"X\": 0}", "3" },
    { "From is text", "{" SUBJECT CONTENT TO "\"From\": \"a@example.com\"}", "3" },
    { "From without name", "{" SUBJECT CONTENT TO "\"From\": {\"email\": \"a@example.com\"}}", "3" },
    { "From's name injects",
      "{" SUBJECT CONTENT TO "\"From\": {\"email\": \"a@example.com\", \"name\": \"a\\nb\"}}", "3" },
    { "From is no address",
      "{" SUBJECT CONTENT TO "\"From\": {\"email\": \"not an address\", \"name\": \"A\"}}", "23" },
    { "From in two spellings",
      "{" SUBJECT CONTENT TO
      "\"From\": {\"email\": \"a@example.com\", \"Email\": \"b@example.com\", \"name\": \"A\"}}",
      "3" },

    { "To is one object", "{" SUBJECT CONTENT FROM "\"To\": {\"email\": \"b@example.org\", \"name\": \"B\"}}",
      "" },
    { "To is empty", "{" SUBJECT CONTENT FROM "\"To\": []}", "20" },
    { "To is text", "{" SUBJECT CONTENT FROM "\"To\": \"b@example.org\"}", "18" },
    { "To without name", "{" SUBJECT CONTENT FROM "\"To\": [{\"email\": \"b@example.org\"}]}", "18" },
    { "To without email", "{" SUBJECT CONTENT FROM "\"To\": [{\"name\": \"B\"}]}", "18" },
    { "To is no address",
      "{" SUBJECT CONTENT FROM "\"To\": [{\"email\": \"b@@example.org\", \"name\": \"B\"}]}", "19" },
    { "To is a command",
      "{" SUBJECT CONTENT FROM
      "\"To\": [{\"email\": \"b@example.org>\\r\\nRCPT TO:<evil@example.net\", \"name\": \"B\"}]}",
      "19" },
    { "each fault of To once",
      "{" SUBJECT CONTENT FROM "\"To\": [{\"name\": \"B\"}, {\"name\": \"C\"}, {\"email\": \"x\", \"name\": "
      "\"\"}, {\"email\": \"x\", \"name\": \"\"}]}",
      "18 19" },
    { "To with TargetListID", MAIL("\"TargetListID\": 1,"), "20" },
    { "TargetListID in place of To", "{" SUBJECT CONTENT FROM "\"TargetListID\": 1}", "" },
    { "CC without name", MAIL("\"CC\": [{\"email\": \"c@example.org\"}],"), "21" },
    { "CC is one object", MAIL("\"CC\": {\"email\": \"c@example.org\", \"name\": \"\"},"), "" },
    { "CC is no address", MAIL("\"CC\": [{\"email\": \"c\", \"name\": \"C\"}],"), "22" },
    { "BCC is one object", MAIL("\"BCC\": {\"email\": \"c@example.org\", \"name\": \"\"},"), "24" },
    { "BCC without name", MAIL("\"BCC\": [{\"email\": \"c@example.org\"}],"), "25" },
    { "BCC is no address", MAIL("\"BCC\": [{\"email\": \"c\", \"name\": \"\"}],"), "26" },
    { "ReplyTo is text", MAIL("\"ReplyTo\": \"c@example.org\","), "28" },
    { "ReplyTo without name", MAIL("\"ReplyTo\": [{\"email\": \"c@example.org\"}],"), "29" },
    { "ReplyTo is no address", MAIL("\"ReplyTo\": [{\"email\": \"c\", \"name\": \"\"}],"), "30" },
    { "several at once",
      "{" FROM
      "\"To\": [{\"email\": \"x\", \"name\": \"\"}], \"BCC\": {}, \"SendAt\": \"soon\", \"Headers\": [1]}",
      "8 9 19 24 102 103" },

    { "header", MAIL("\"Headers\": {\"X-Order\": \"12\"},"), "" },
    { "header of ours", MAIL("\"Headers\": {\"bcc\": \"evil@example.net\"},"), "102" },
    { "Content-Anything", MAIL("\"Headers\": {\"Content-Foo\": \"x\"},"), "102" },
    { "DKIM-Signature", MAIL("\"Headers\": {\"DKIM-Signature\": \"v=1\"},"), "102" },
    { "List-Unsubscribe is for accept() to judge",
      MAIL("\"Headers\": {\"List-Unsubscribe\": \"<https://x.example/>\"},"), "" },
    { "header name with colon", MAIL("\"Headers\": {\"X: y\": \"x\"},"), "102" },
    { "header name with space", MAIL("\"Headers\": {\"a b\": \"x\"},"), "102" },
    { "header name not ASCII", MAIL("\"Headers\": {\"\\u00e9\": \"x\"},"), "102" },
    { "empty header name", MAIL("\"Headers\": {\"\": \"x\"},"), "102" },
    { "header value with a line", MAIL("\"Headers\": {\"X-A\": \"x\\n\\tBcc: y\"},"), "102" },
    { "header value is a number", MAIL("\"Headers\": {\"X-A\": 1},"), "102" },
    { "header in two spellings", MAIL("\"Headers\": {\"X-A\": \"1\", \"x-a\": \"2\"},"), "102" },

    { "attachment",
      MAIL("\"Attachments\": [{\"filename\": \"a.txt\", \"content\": \"aGk=\", \"type\": \"text/plain\"}],"),
      "" },
    { "attachments is an object", MAIL("\"Attachments\": {\"content\": \"aGk=\"},"), "101" },
    { "attachment without content", MAIL("\"Attachments\": [{\"filename\": \"a.txt\"}],"), "101" },
    { "attachment not base64", MAIL("\"Attachments\": [{\"content\": \"a$\"}],"), "101" },
    { "attachment type injects",
      MAIL("\"Attachments\": [{\"content\": \"\", \"type\": \"text/html\\r\\nX: y\"}],"), "101" },
    { "attachment type with boundary",
      MAIL("\"Attachments\": [{\"content\": \"\", \"type\": \"multipart/mixed; boundary=x\"}],"), "101" },
    { "attachment type with charset",
      MAIL("\"Attachments\": [{\"content\": \"\", \"type\": \"text/csv; charset=utf-8\"}],"), "" },
    { "content id injects", MAIL("\"Attachments\": [{\"content\": \"\", \"contentid\": \"a> b\"}],"), "101" },
    { "content id twice",
      MAIL("\"Attachments\": [{\"content\": \"\", \"contentid\": \"a\"}, {\"content\": \"\", \"contentid\": "
           "\"a\"}],"),
      "101" },
    { "unknown disposition", MAIL("\"Attachments\": [{\"content\": \"\", \"disposition\": \"form-data\"}],"),
      "101" },

    { "tags", MAIL("\"Tags\": [\"a\", \"b\", \"a\"],"), "" },
    { "one tag as text", MAIL("\"Tags\": \"a\","), "" },
    { "tag is a number", MAIL("\"Tags\": [1],"), "104" },
    { "empty tag", MAIL("\"Tags\": [\"\"],"), "104" },
    { "tag with a line", MAIL("\"Tags\": [\"a\\nb\"],"), "104" },
    { "TrackLinks is a word", MAIL("\"TrackLinks\": \"maybe\","), "105" },
    { "flags in their spellings", MAIL("\"TrackLinks\": \"Yes\", \"TrackOpens\": 0,"), "" },
    { "SendAt in the past", MAIL("\"SendAt\": 1,"), "" },
    { "SendAt in 30 days", MAIL("\"SendAt\": 1802592000,"), "" },
    { "SendAt in 31 days", MAIL("\"SendAt\": 1802678400,"), "103" },
    { "SendAt is a date that is not", MAIL("\"SendAt\": \"2027-02-30T00:00:00Z\","), "103" },
    { "SendAt is a list", MAIL("\"SendAt\": [1],"), "103" },
    { "JourneyID", MAIL("\"JourneyID\": \"7\", \"ListID\": 8,"), "" },
    { "JourneyID is none", MAIL("\"JourneyID\": \"7x\","), "106" },
    { "TemplateID in place of contents", "{" FROM TO "\"TemplateID\": 1}", "" },
    { "TemplateID that is none", "{" FROM TO "\"TemplateID\": \"1x\"}", "" },
    { "TemplateID is empty", "{" FROM TO "\"TemplateID\": \"\"}", "8 9" },
    { "texts beside a TemplateID", MAIL("\"TemplateID\": 1,"), "" },
    { "a broken one of them", "{" FROM TO "\"TemplateID\": 1, \"Subject\": \"{{\", \"HtmlContent\": \"{{\"}",
      "8 10" },
    { "braces without a TemplateID",
      "{" FROM TO "\"Subject\": \"{{\", \"ContentType\": \"plain\", \"PlainContent\": \"{{\"}", "" },
    { "TemplateData", "{" FROM TO "\"TemplateID\": 1, \"TemplateData\": {\"a\": [1]}}", "" },
    { "TemplateData is text", "{" FROM TO "\"TemplateID\": 1, \"TemplateData\": \"a\"}", "132" },
    { "TargetListID in place of To", "{" FROM "\"TargetListID\": 1, \"TemplateID\": 1}", "" },
    { "TargetListID beside To", "{" FROM TO "\"TargetListID\": 1, \"TemplateID\": 1}", "20" },
    { "TargetListID needs contents", "{" FROM "\"TargetListID\": 1}", "8 9" },
};

/* What of a mail with a template of three parts comes from where: ContentType, what is given, what it becomes. */
static const struct {
    const char *what, *json;
    const char *subject, *html, *plain;
} filled[] = {
    { "all of the template", "", "S Ann", "H Ann", "P ann@example.org" },
    { "html", ", \"ContentType\": \"html\"", "S Ann", "H Ann", "P ann@example.org" },
    { "plain", ", \"ContentType\": \"plain\"", "S Ann", NULL, "P ann@example.org" },
    { "what is given", ", \"Subject\": \"{{ n }}\", \"HtmlContent\": \"{{ n }}\"", "1", "1",
      "P ann@example.org" },
    { "data before the recipient", ", \"TemplateData\": {\"name\": \"<\", \"n\": 2}", "S <", "H &lt;",
      "P ann@example.org" },
};

static void fills_a_template_in(void **state)
{
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++) {
        const char *json =
            apr_pstrcat(*state,
                        "{" FROM "\"To\": {\"email\": \"ann@example.org\", \"name\": \"Ann\"}, "
                        "\"TemplateID\": 1",
                        strstr(filled[i].json, "TemplateData") ? "" : ", \"TemplateData\": {\"n\": 1}",
                        filled[i].json, "}", NULL);
        eg_mail mail;
        eg_call call;

        print_message("# %s\n", filled[i].what);
        parse(&mail, &call, json, 0, *state);
        eg_mail_take_template(&mail, &call, "S {{ name }}", "H {{ name }}", "P {{ email }}");
        assert_string_equal(codes_of(&call), "");
        eg_mail_fill(&mail, &call);
        assert_string_equal(mail.subject, filled[i].subject);
        assert_int_equal(mail.html == NULL, filled[i].html == NULL);
        assert_true(mail.html == NULL || strcmp(mail.html, filled[i].html) == 0);
        assert_string_equal(mail.plain, filled[i].plain);
        assert_int_equal(mail.size, (mail.html != NULL ? strlen(mail.html) : 0) + strlen(mail.plain));
    }
}

static void checks_every_parameter(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_mail mail;
        eg_call call;

        print_message("# %s\n", cases[i].what);
        parse(&mail, &call, cases[i].json, 0, *state);
        assert_string_equal(codes_of(&call), cases[i].codes);
    }
}

static void counts_addresses(void **state)
{
    static const struct {
        const char *name, *codes;
        int max;
    } lists[] = { { "To", "20", 50 }, { "CC", "20", 50 }, { "BCC", "27", 50 }, { "ReplyTo", "31", 10 } };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (int over = 0; over < 2; over++) {
            const char *json = "", *to = strcmp(lists[i].name, "To") == 0 ? "" : TO;
            eg_mail mail;
            eg_call call;

            for (int n = 0; n < lists[i].max + over; n++) {
                json = apr_psprintf(*state, "%s%s{\"email\": \"u%d@example.org\", \"name\": \"\"}", json,
                                    n ? "," : "", n);
            }
            json = apr_psprintf(*state, "{" SUBJECT CONTENT FROM "%s \"%s\": [%s]}", to, lists[i].name, json);
            parse(&mail, &call, json, 0, *state);
            print_message("# %s %d\n", lists[i].name, lists[i].max + over);
            assert_string_equal(codes_of(&call), over ? lists[i].codes : "");
        }
    }
}

static void keeps_what_was_given(void **state)
{
    eg_mail mail;
    eg_call call;

    parse(
        &mail, &call,
        MAIL("\"Tags\": [\"a\", \"b\", \"a\"], \"TrackLinks\": \"off\", \"SendAt\": \"2027-01-15T08:00:10Z\","
             "\"CC\": [{\"email\": \"C@EXAMPLE.org\", \"name\": \"\\u00e9\"}], \"JourneyID\": \"7\","
             "\"Headers\": {\"X-B\": \"2\", \"X-A\": \"=?utf-8?q?x?=\"},"),
        0, *state);
    assert_string_equal(codes_of(&call), "");
    assert_int_equal(mail.tags->nelts, 2);
    assert_string_equal(mail.track_links, "f");
    assert_null(mail.track_opens);
    assert_int_equal(mail.send_at, NOW + apr_time_from_sec(10));
    assert_string_equal(APR_ARRAY_IDX(mail.cc, 0, eg_mail_address).box.address, "C@example.org");
    assert_string_equal(APR_ARRAY_IDX(mail.cc, 0, eg_mail_address).name, "\xc3\xa9");
    assert_int_equal(mail.journey_id, 7);
    assert_string_equal(eg_json_text(mail.headers, *state), "[[\"X-B\",\"2\"],[\"X-A\",\"=?utf-8?q?x?=\"]]");
    assert_string_equal(mail.plain, "p");
    assert_null(mail.html);
}

static void tracks_only_where_it_may(void **state)
{
    static const eg_limits untracked = {
        .to_max = 50, .cc_max = 50, .bcc_max = 50, .reply_to_max = 10, .tracking_off = 1
    };
    static const struct {
        const char *json, *links, *codes;
    } mails[] = {
        { MAIL(""), "f", "" },
        { MAIL("\"TrackLinks\": true,"), "f", "" },
        { MAIL("\"TrackLinks\": false,"), "f", "" },
        { MAIL("\"TrackLinks\": \"maybe\","), NULL, "105" },
    };

    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        eg_mail mail;
        eg_call call;

        parse_within(&mail, &call, mails[i].json, 0, EG_JSON_VALUES_MAX, &untracked, *state);
        assert_string_equal(codes_of(&call), mails[i].codes);
        if (mails[i].links != NULL) {
            assert_string_equal(mail.track_links, mails[i].links);
            assert_string_equal(mail.track_opens, "f");
        }
    }
}

static void cleans_file_names(void **state)
{
    static const struct {
        const char *given, *kept;
    } names[] = {
        { "a.txt", "a.txt" },
        { "../../etc/passwd", "passwd" },
        { "..\\\\..\\\\boot.ini", "boot.ini" },
        { "a\\\"; name=\\\"b.exe", "a\"; name=\"b.exe" },
        { "x.pdf\\u202Egpj.exe", "x.pdfgpj.exe" },
        { "a\\r\\nb\\u0007.txt", "ab.txt" },
        { "..", "attachment" },
        { "", "attachment" },
        { "/", "attachment" },
        { "\\u65e5\\u672c\\u8a9e.pdf", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.pdf" },
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *json = apr_psprintf(*state,
                                        MAIL("\"Attachments\": [{\"filename\": \"%s\", \"content\": "
                                             "\"aGk=\", \"contentid\": \"<a@b>\"}],"),
                                        names[i].given);
        const eg_mail_attachment *attachment;
        eg_mail mail;
        eg_call call;

        print_message("# %s\n", names[i].given);
        parse(&mail, &call, json, 0, *state);
        assert_string_equal(codes_of(&call), "");
        attachment = &APR_ARRAY_IDX(mail.attachments, 0, eg_mail_attachment);
        assert_string_equal(attachment->filename, names[i].kept);
        assert_string_equal(attachment->content_id, "a@b");
        assert_string_equal(attachment->disposition, "inline");
        assert_memory_equal(attachment->content.data, "hi", 2);
    }
}

static void reads_json_text_of_forms_only(void **state)
{
    static const char *json = "{" SUBJECT CONTENT FROM
                              "\"To\": \"[{\\\"email\\\": \\\"b@example.org\\\", \\\"name\\\": \\\"\\\"}]\"}";
    eg_mail mail;
    eg_call call;

    parse(&mail, &call, json, 1, *state);
    assert_string_equal(codes_of(&call), "");
    parse(&mail, &call, json, 0, *state);
    assert_string_equal(codes_of(&call), "18");
}

/* From has 5 values, To 6, Tags 2. */
static void takes_from_the_values_that_are_left(void **state)
{
    static const char *json =
        "{" SUBJECT CONTENT "\"From\": \"{\\\"email\\\": \\\"a@example.com\\\", \\\"name\\\": \\\"\\\"}\","
        "\"To\": \" [{\\\"email\\\": \\\"b@example.org\\\", \\\"name\\\": \\\"\\\"}]\", \"Tags\": "
        "\"[\\\"a\\\"]\"}";
    static const struct {
        const char *what, *codes;
        apr_size_t given, left;
    } budgets[] = {
        { "all that they need, once each", "", 13, 0 },
        { "one too few for Tags, which are no tag then", "104", 12, 1 },
        { "too few for To: Tags fit", "18", 10, 3 },
        { "too few for From: Tags fit", "3 18", 4, 2 },
        { "none", "3 18 104", 0, 0 },
    };

    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        eg_mail mail;
        eg_call call;

        print_message("# %s\n", budgets[i].what);
        parse_within(&mail, &call, json, 1, budgets[i].given, &limits, *state);
        assert_string_equal(codes_of(&call), budgets[i].codes);
        assert_int_equal(call.values_left, budgets[i].left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(checks_every_parameter),
        EG_TEST(fills_a_template_in),
        EG_TEST(counts_addresses),
        EG_TEST(keeps_what_was_given),
        EG_TEST(tracks_only_where_it_may),
        EG_TEST(cleans_file_names),
        EG_TEST(reads_json_text_of_forms_only),
        EG_TEST(takes_from_the_values_that_are_left),
    };

    return EG_TEST_RUN(tests);
}
