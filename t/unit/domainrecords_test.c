/* eg_domainrecords_*, eg_domainrecord_judge: what is published, and what will do in its place. */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "domainrecords.h"
#include "utf8.h"

#define KEY "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"

static const eg_domainfacts facts = {
    .name = "example.com",
    .ownership_token = "emailgw-domain=Token1",
    .dkim_selector = "eg202611",
    .dkim_record = "v=DKIM1; k=rsa; p=" KEY,
    .subdomain = "eg",
    .mail_host = "mail.example.net",
    .tracking_host = "links.example.net",
    .tracking_url = "https://links.example.net",
};

static const char *listed(const eg_domainfacts *of, apr_pool_t *pool)
{
    eg_domainrecord records[EG_RECORDS_MAX];
    int count = eg_domainrecords_make(records, of, pool);
    const char *text = "";

    for (int i = 0; i < count; i++) {
        text = apr_psprintf(pool, "%s%s %s %s %s%s\n", text, eg_record_purpose_name(records[i].purpose),
                            records[i].host, eg_dns_type_name(records[i].type), records[i].value,
                            records[i].required ? " *" : "");
        assert_int_equal(records[i].state, EG_RECORD_UNKNOWN);
    }
    return text;
}

static void lists_what_to_publish(void **state)
{
    eg_domainfacts changed = facts;

    assert_string_equal(listed(&facts, *state),
                        "ownership _emailgw.example.com TXT emailgw-domain=Token1 *\n"
                        "DKIM eg202611._domainkey.example.com TXT v=DKIM1; k=rsa; p=" KEY " *\n"
                        "return path eg.example.com MX 10 mail.example.net *\n"
                        "SPF eg.example.com TXT v=spf1 include:mail.example.net ~all *\n"
                        "tracking track-eg.example.com CNAME links.example.net\n"
                        "DMARC _dmarc.example.com TXT v=DMARC1; p=none\n");
    changed.tracking_url = "https://Track-EG.example.com:8443/t";
    assert_non_null(strstr(listed(&changed, *state), "CNAME links.example.net *\n"));
    changed.tracking_url = "https://track-eg.example.com.example/";
    assert_non_null(strstr(listed(&changed, *state), "CNAME links.example.net\n"));
    changed.tracking_url = NULL;
    assert_non_null(strstr(listed(&changed, *state), "CNAME links.example.net\n"));
    changed.mail_host = changed.tracking_host = "";
    assert_string_equal(listed(&changed, *state),
                        "ownership _emailgw.example.com TXT emailgw-domain=Token1 *\n"
                        "DKIM eg202611._domainkey.example.com TXT v=DKIM1; k=rsa; p=" KEY " *\n"
                        "DMARC _dmarc.example.com TXT v=DMARC1; p=none\n");
}

/* What a name has: texts with a line feed between them, MX as "10 host". */
static eg_dns_question answer(eg_dns_type type, const char *texts, apr_pool_t *pool)
{
    apr_array_header_t *records = apr_array_make(pool, 2, sizeof(eg_dns_record));
    char *rest, *text = apr_strtok(apr_pstrdup(pool, texts), "\n", &rest);

    for (; text != NULL; text = apr_strtok(NULL, "\n", &rest)) {
        eg_dns_record *one = apr_array_push(records);

        *one = (eg_dns_record){ .text = text };
        if (type == EG_DNS_MX) {
            one->preference = atoi(text);
            one->text = strchr(text, ' ') + 1;
        }
        one->length = strlen(one->text);
    }
    return (eg_dns_question){ .type = type, .result = EG_DNS_FOUND, .records = records };
}

static eg_domainrecord record_of(eg_record_purpose purpose, apr_pool_t *pool)
{
    eg_domainrecord records[EG_RECORDS_MAX];

    assert_int_equal(eg_domainrecords_make(records, &facts, pool), EG_RECORDS_MAX);
    assert_int_equal(records[purpose].purpose, purpose);
    return records[purpose];
}

#define SPF "v=spf1 include:mail.example.net ~all"

static const struct {
    eg_record_purpose purpose;
    const char *what, *texts;
    const char *problem; /* a part of the reason; NULL where it holds */
} cases[] = {
    { EG_RECORD_OWNERSHIP, "ours", "emailgw-domain=Token1", NULL },
    { EG_RECORD_OWNERSHIP, "blanks around it", " emailgw-domain=Token1 ", NULL },
    { EG_RECORD_OWNERSHIP, "among others", "emailgw-domain=Other\nemailgw-domain=Token1", NULL },
    { EG_RECORD_OWNERSHIP, "another", "emailgw-domain=Other", "another one" },
    { EG_RECORD_OWNERSHIP, "letter case counts", "emailgw-domain=token1", "another one" },
    { EG_RECORD_OWNERSHIP, "longer", "emailgw-domain=Token12", "another one" },
    { EG_RECORD_OWNERSHIP, "quoted", "\"emailgw-domain=Token1\"", "another one" },

    { EG_RECORD_DKIM, "ours", "v=DKIM1; k=rsa; p=" KEY, NULL },
    { EG_RECORD_DKIM, "blanks in the key", "v=DKIM1; p=MIIBIjANBgkq hkiG9w0B\tAQEFAAOCAQ8A", NULL },
    { EG_RECORD_DKIM, "another order", "p=" KEY "; k=rsa", NULL },
    { EG_RECORD_DKIM, "the key alone", "p=" KEY, NULL },
    { EG_RECORD_DKIM, "version first, then any order", "v=DKIM1;p=" KEY ";k=rsa;", NULL },
    { EG_RECORD_DKIM, "testing", "v=DKIM1; t=y; p=" KEY, NULL },
    { EG_RECORD_DKIM, "strict", "v=DKIM1; t=s; p=" KEY, NULL },
    { EG_RECORD_DKIM, "for mail", "v=DKIM1; s=email; p=" KEY, NULL },
    { EG_RECORD_DKIM, "for all", "v=DKIM1; s=tlsrpt:*; p=" KEY, NULL },
    { EG_RECORD_DKIM, "sha256 among others", "v=DKIM1; h=sha1:sha256; p=" KEY, NULL },
    { EG_RECORD_DKIM, "unknown tag", "v=DKIM1; z=1; p=" KEY, NULL },
    { EG_RECORD_DKIM, "version not first", "k=rsa; v=DKIM1; p=" KEY, "no DKIM key record" },
    { EG_RECORD_DKIM, "another version", "v=DKIM2; p=" KEY, "no DKIM key record" },
    { EG_RECORD_DKIM, "no key", "v=DKIM1; k=rsa", "no DKIM key record" },
    { EG_RECORD_DKIM, "key twice", "v=DKIM1; p=" KEY "; p=" KEY, "no DKIM key record" },
    { EG_RECORD_DKIM, "something else", "hello", "no DKIM key record" },
    { EG_RECORD_DKIM, "revoked", "v=DKIM1; p=", "revoked" },
    { EG_RECORD_DKIM, "another key", "v=DKIM1; p=AAAA", "another key" },
    { EG_RECORD_DKIM, "cut off", "v=DKIM1; p=MIIBIjANBgkqhkiG9w0B", "another key" },
    { EG_RECORD_DKIM, "longer", "v=DKIM1; p=" KEY "A", "another key" },
    { EG_RECORD_DKIM, "letter case counts", "v=DKIM1; p=miibIjANBgkqhkiG9w0BAQEFAAOCAQ8A", "another key" },
    { EG_RECORD_DKIM, "another kind", "v=DKIM1; k=ed25519; p=" KEY, "k= names" },
    { EG_RECORD_DKIM, "not for mail", "v=DKIM1; s=tlsrpt; p=" KEY, "s= leaves out" },
    { EG_RECORD_DKIM, "sha1 only", "v=DKIM1; h=sha1; p=" KEY, "h= leaves out" },
    { EG_RECORD_DKIM, "two records", "v=DKIM1; p=" KEY "\nv=DKIM1; p=AAAA", "2 TXT records" },

    { EG_RECORD_SPF, "ours", SPF, NULL },
    { EG_RECORD_SPF, "beside other texts", "google-site-verification=x\n" SPF, NULL },
    { EG_RECORD_SPF, "two of SPF", SPF "\nv=spf1 -all", "permanent error: 2 SPF records" },
    { EG_RECORD_SPF, "ours twice", SPF "\n" SPF, "permanent error: 2 SPF records" },
    { EG_RECORD_SPF, "another", "v=spf1 mx -all", "include:mail.example.net is not in it" },
    { EG_RECORD_SPF, "none of them", "hello", "none of the TXT records" },

    { EG_RECORD_RETURN_PATH, "ours", "10 mail.example.net", NULL },
    { EG_RECORD_RETURN_PATH, "upper case, another preference", "0 MAIL.example.NET", NULL },
    { EG_RECORD_RETURN_PATH, "another one behind it", "20 b.example\n10 mail.example.net", NULL },
    { EG_RECORD_RETURN_PATH, "another one before it", "5 b.example\n10 mail.example.net", "not behind" },
    { EG_RECORD_RETURN_PATH, "another one beside it", "10 mail.example.net\n10 b.example", "not behind" },
    { EG_RECORD_RETURN_PATH, "another one", "10 b.example", "none leads to" },
    { EG_RECORD_RETURN_PATH, "null MX", "0 .", "none leads to" },

    { EG_RECORD_TRACKING, "ours", "links.example.net", NULL },
    { EG_RECORD_TRACKING, "upper case", "LINKS.example.net", NULL },
    { EG_RECORD_TRACKING, "another", "example.net", "not an alias" },

    { EG_RECORD_DMARC, "ours", "v=DMARC1; p=none", NULL },
    { EG_RECORD_DMARC, "stricter", "v=DMARC1;p=REJECT; rua=mailto:a@example.com!10m", NULL },
    { EG_RECORD_DMARC, "beside other texts", "hello\nv=DMARC1; p=quarantine", NULL },
    { EG_RECORD_DMARC, "two", "v=DMARC1; p=none\nv=DMARC1; p=reject", "2 DMARC records" },
    { EG_RECORD_DMARC, "no policy", "v=DMARC1; rua=mailto:a@example.com", "p= is none of" },
    { EG_RECORD_DMARC, "another policy", "v=DMARC1; p=maybe", "p= is none of" },
    { EG_RECORD_DMARC, "no list", "v=DMARC1; p", "no list of tags" },
    { EG_RECORD_DMARC, "something else", "v=DMARC10; p=none", "no DMARC record" },
};

static void judges(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_domainrecord record = record_of(cases[i].purpose, *state);
        eg_dns_question found = answer(record.type, cases[i].texts, *state);

        eg_domainrecord_judge(&record, &facts, &found, 1, *state);
        print_message("# %s, %s: %s\n", eg_record_purpose_name(record.purpose), cases[i].what, record.reason);
        assert_int_equal(record.state, cases[i].problem == NULL ? EG_RECORD_HOLDS : EG_RECORD_FAILS);
        if (cases[i].problem == NULL) {
            assert_string_equal(record.reason, "");
            assert_true(*record.found != '\0');
        }
        else {
            assert_non_null(strstr(record.reason, cases[i].problem));
        }
    }
}

static void tells_absent_from_unknown(void **state)
{
    for (int purpose = 0; purpose < EG_RECORDS_MAX; purpose++) {
        eg_domainrecord record = record_of((eg_record_purpose)purpose, *state);
        eg_dns_question none = { .type = record.type, .result = EG_DNS_NO_NAME };

        eg_domainrecord_judge(&record, &facts, &none, 1, *state);
        assert_int_equal(record.state, EG_RECORD_FAILS);
        assert_string_equal(record.found, "");
        assert_string_equal(record.reason, purpose == EG_RECORD_DMARC ? "there is no DMARC record"
                                                                      : "there is no such name");
        none.result = EG_DNS_NO_DATA;
        eg_domainrecord_judge(&record, &facts, &none, 1, *state);
        assert_int_equal(record.state, EG_RECORD_FAILS);
        none.result = EG_DNS_TEMPORARY;
        none.reason = "the server answers SERVFAIL";
        eg_domainrecord_judge(&record, &facts, &none, 1, *state);
        assert_int_equal(record.state, EG_RECORD_UNKNOWN);
        assert_string_equal(record.reason, "temporary: the server answers SERVFAIL");
    }
}

static eg_record_state judge_both(const char *at_domain, const char *above, apr_pool_t *pool)
{
    eg_domainrecord record = record_of(EG_RECORD_DMARC, pool);
    eg_dns_question answers[2];
    const char *texts[] = { at_domain, above };

    for (int i = 0; i < 2; i++) {
        if (texts[i] == NULL) {
            answers[i] = (eg_dns_question){ .type = EG_DNS_TXT, .result = EG_DNS_NO_NAME };
        }
        else if (strcmp(texts[i], "?") == 0) {
            answers[i] = (eg_dns_question){ .type = EG_DNS_TXT, .result = EG_DNS_TEMPORARY, .reason = "?" };
        }
        else {
            answers[i] = answer(EG_DNS_TXT, texts[i], pool);
        }
    }
    eg_domainrecord_judge(&record, &facts, answers, 2, pool);
    return record.state;
}

static void finds_dmarc_above(void **state)
{
    assert_int_equal(judge_both("v=DMARC1; p=none", NULL, *state), EG_RECORD_HOLDS);
    assert_int_equal(judge_both("v=DMARC1; p=none", "?", *state), EG_RECORD_HOLDS);
    assert_int_equal(judge_both(NULL, "v=DMARC1; p=none", *state), EG_RECORD_HOLDS);
    assert_int_equal(judge_both("hello", "v=DMARC1; p=none", *state), EG_RECORD_HOLDS);
    assert_int_equal(judge_both(NULL, NULL, *state), EG_RECORD_FAILS);
    assert_int_equal(judge_both("v=DMARC1; p=maybe", "v=DMARC1; p=none", *state), EG_RECORD_FAILS);
    assert_int_equal(judge_both("?", "v=DMARC1; p=none", *state), EG_RECORD_UNKNOWN);
    assert_int_equal(judge_both(NULL, "?", *state), EG_RECORD_UNKNOWN);
}

static void shows_anything_cleanly(void **state)
{
    eg_domainrecord record = record_of(EG_RECORD_OWNERSHIP, *state);
    apr_array_header_t *records = apr_array_make(*state, 9, sizeof(eg_dns_record));
    eg_dns_question found = { .type = EG_DNS_TXT, .result = EG_DNS_FOUND, .records = records };
    char *huge = apr_palloc(*state, 60000);

    memset(huge, 0xFF, 60000);
    APR_ARRAY_PUSH(records, eg_dns_record) = (eg_dns_record){ .text = "a\0\n\xC3\xA9\xC3", .length = 6 };
    APR_ARRAY_PUSH(records, eg_dns_record) = (eg_dns_record){ .text = "", .length = 0 };
    eg_domainrecord_judge(&record, &facts, &found, 1, *state);
    assert_string_equal(record.found, "a\\x00\\x0a\xC3\xA9\\xc3 | ");
    for (int i = 0; i < 7; i++) {
        APR_ARRAY_PUSH(records, eg_dns_record) = (eg_dns_record){ .text = huge, .length = 60000 };
    }
    eg_domainrecord_judge(&record, &facts, &found, 1, *state);
    assert_true(eg_utf8_valid(record.found, strlen(record.found)));
    assert_true(strlen(record.found) < 5000);
    assert_non_null(strstr(record.found, "... | 5 more"));
}

static void names_the_key_alone(void **state)
{
    const eg_domainfacts pending = { .name = "example.com",
                                     .dkim_selector = "eg202611a",
                                     .dkim_record = "v=DKIM1; k=rsa; p=" KEY };
    eg_domainrecord record = eg_domainrecord_of_key(&pending, *state);

    assert_string_equal(record.host, "eg202611a._domainkey.example.com");
    assert_string_equal(record.value, pending.dkim_record);
    assert_int_equal(record.purpose, EG_RECORD_DKIM);
    assert_int_equal(record.type, EG_DNS_TXT);
    assert_int_equal(record.state, EG_RECORD_UNKNOWN);
}

static void sums_up(void **state)
{
    eg_domainrecord records[EG_RECORDS_MAX];
    int count = eg_domainrecords_make(records, &facts, *state);

    assert_int_equal(eg_domainrecords_outcome(records, count), EG_RECORD_UNKNOWN);
    for (int i = 0; i < count; i++) {
        records[i].state = records[i].required ? EG_RECORD_HOLDS : EG_RECORD_FAILS;
    }
    assert_int_equal(eg_domainrecords_outcome(records, count), EG_RECORD_HOLDS);
    records[EG_RECORD_SPF].state = EG_RECORD_UNKNOWN;
    assert_int_equal(eg_domainrecords_outcome(records, count), EG_RECORD_UNKNOWN);
    records[EG_RECORD_DKIM].state = EG_RECORD_FAILS;
    assert_int_equal(eg_domainrecords_outcome(records, count), EG_RECORD_FAILS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(lists_what_to_publish),
        EG_TEST(judges),
        EG_TEST(tells_absent_from_unknown),
        EG_TEST(finds_dmarc_above),
        EG_TEST(shows_anything_cleanly),
        EG_TEST(names_the_key_alone),
        EG_TEST(sums_up),
    };

    return EG_TEST_RUN(tests);
}
