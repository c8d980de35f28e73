/* egs_sts_record_parse, egs_sts_policy_parse, egs_sts_allows: RFC 8461 sections 3.1, 3.2, 4.1. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "dns.h"
#include "sts_policy.h"

#define MORE "mx: a.example\nmode: enforce\nversion: STSv1\n"

static const struct {
    const char *what, *first, *second; /* TXT records; NULL: none */
    apr_status_t rv;
    const char *expected; /* the id, or the problem */
} records[] = {
    { "as in the RFC", "v=STSv1; id=20160831085700Z;", NULL, APR_SUCCESS, "20160831085700Z" },
    { "no last semicolon", "v=STSv1; id=1", NULL, APR_SUCCESS, "1" },
    { "no blanks", "v=STSv1;id=1;", NULL, APR_SUCCESS, "1" },
    { "blanks all over", "v=STSv1 \t;\t id=a1 ; ", NULL, APR_SUCCESS, "a1" },
    { "extensions", "v=STSv1; a_b-c.d=1:2,(); id=1; x=y;", NULL, APR_SUCCESS, "1" },
    { "32 characters", "v=STSv1; id=abcdefghijABCDEFGHIJ012345678901;", NULL, APR_SUCCESS,
      "abcdefghijABCDEFGHIJ012345678901" },
    { "the first id counts", "v=STSv1; id=1; id=2;", NULL, APR_SUCCESS, "1" },
    { "beside another's record", "v=spf1 -all", "v=STSv1; id=1;", APR_SUCCESS, "1" },
    { "beside another version", "v=STSv1; id=1;", "v=STSv2; id=2;", APR_SUCCESS, "1" },
    { "none", NULL, NULL, APR_NOTFOUND, NULL },
    { "another's alone", "v=spf1 -all", NULL, APR_NOTFOUND, NULL },
    { "version in lower case", "v=stsv1; id=1;", NULL, APR_NOTFOUND, NULL },
    { "blank before the version", " v=STSv1; id=1;", NULL, APR_NOTFOUND, NULL },
    { "version longer", "v=STSv11; id=1;", NULL, APR_NOTFOUND, NULL },
    { "version alone", "v=STSv1", NULL, APR_NOTFOUND, NULL },
    { "two", "v=STSv1; id=1;", "v=STSv1; id=1;", APR_EINVAL, "it has 2 MTA-STS records" },
    { "two, one of them broken", "v=STSv1; id=1;", "v=STSv1; nothing", APR_EINVAL,
      "it has 2 MTA-STS records" },
    { "no id", "v=STSv1;", NULL, APR_EINVAL, "its record has no id" },
    { "ID", "v=STSv1; ID=1;", NULL, APR_EINVAL, "its record has no id" },
    { "empty id", "v=STSv1; id=;", NULL, APR_EINVAL, "its record's id is not 1 to 32 letters and digits" },
    { "33 characters", "v=STSv1; id=abcdefghijABCDEFGHIJ0123456789012;", NULL, APR_EINVAL,
      "its record's id is not 1 to 32 letters and digits" },
    { "a hyphen", "v=STSv1; id=1-2;", NULL, APR_EINVAL, "its record's id is not 1 to 32 letters and digits" },
    { "a blank inside", "v=STSv1; id=1 2;", NULL, APR_EINVAL,
      "its record's id is not 1 to 32 letters and digits" },
    { "two semicolons", "v=STSv1; id=1;;", NULL, APR_EINVAL, "its record has a field that is no name=value" },
    { "no name", "v=STSv1; =1; id=1", NULL, APR_EINVAL, "its record has a field that is no name=value" },
    { "a long name", "v=STSv1; id=1; abcdefghijabcdefghijabcdefghijabc=1", NULL, APR_EINVAL,
      "its record has a field that is no name=value" },
    { "a value with =", "v=STSv1; id=1; a=b=c", NULL, APR_EINVAL,
      "its record has a value that is not allowed" },
    { "8-bit value", "v=STSv1; id=1; a=\xC3\xA9", NULL, APR_EINVAL,
      "its record has a value that is not allowed" },
};

static void add(apr_array_header_t *list, const char *text)
{
    if (text != NULL) {
        APR_ARRAY_PUSH(list, eg_dns_record) = (eg_dns_record){ .text = text, .length = strlen(text) };
    }
}

static void reads_records(void **state)
{
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        apr_array_header_t *list = apr_array_make(*state, 2, sizeof(eg_dns_record));
        const char *id = NULL, *problem = NULL;

        print_message("# %s\n", records[i].what);
        add(list, records[i].first);
        add(list, records[i].second);
        assert_int_equal(egs_sts_record_parse(&id, &problem, list, *state), records[i].rv);
        if (records[i].expected != NULL) {
            assert_string_equal(records[i].rv == APR_SUCCESS ? id : problem, records[i].expected);
        }
    }
}

static void refuses_a_nul_in_a_record(void **state)
{
    apr_array_header_t *list = apr_array_make(*state, 1, sizeof(eg_dns_record));
    const char *id, *problem;

    APR_ARRAY_PUSH(list, eg_dns_record) = (eg_dns_record){ .text = "v=STSv1; id=1\0;", .length = 15 };
    assert_int_equal(egs_sts_record_parse(&id, &problem, list, *state), APR_EINVAL);
}

static const struct {
    const char *what, *text;
    apr_status_t rv;
    const char *expected; /* "mode seconds mx,mx", or the problem */
} policies[] = {
    { "as in the RFC",
      "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: "
      "backupmx.example.com\r\nmax_age: 604800\r\n",
      APR_SUCCESS, "enforce 604800 mail.example.com,*.example.net,backupmx.example.com" },
    { "LF, another order", "max_age: 0\nmx:a.example\nmode:testing\nversion:STSv1", APR_SUCCESS,
      "testing 0 a.example" },
    { "blanks at the ends, LF and CRLF",
      "version: STSv1 \nmode:\tenforce\t\r\nmx:  A.Example \nmax_age: 60 \n", APR_SUCCESS,
      "enforce 60 a.example" },
    { "empty lines", "version: STSv1\n\nmode: none\n \r\nmax_age: 1\n\n\n", APR_SUCCESS, "none 1 " },
    { "none with mx", "version: STSv1\nmode: none\nmx: a.example\nmax_age: 1\n", APR_SUCCESS,
      "none 1 a.example" },
    { "longest age", MORE "max_age: 31557600\n", APR_SUCCESS, "enforce 31557600 a.example" },
    { "unknown fields", MORE "max_age: 5\nx-1_a.b: \xC3\xA9 y: z\nMode: x\n", APR_SUCCESS,
      "enforce 5 a.example" },
    { "the first counts", MORE "max_age: 5\nmax_age: x\nmode: none\nversion: 2\n", APR_SUCCESS,
      "enforce 5 a.example" },
    { "A-labels", MORE "max_age: 5\nmx: *.xn--bcher-kva.example\n", APR_SUCCESS,
      "enforce 5 a.example,*.xn--bcher-kva.example" },
    { "empty", "", APR_EINVAL, "its version is not STSv1" },
    { "another version", "version: STSv2\nmode: none\nmax_age: 1\n", APR_EINVAL, "its version is not STSv1" },
    { "version in lower case", "version: stsv1\nmode: none\nmax_age: 1\n", APR_EINVAL,
      "its version is not STSv1" },
    { "another mode", "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 1\n", APR_EINVAL,
      "its mode is none of none, testing and enforce" },
    { "no mode", "version: STSv1\nmx: a.example\nmax_age: 1\n", APR_EINVAL,
      "its mode is none of none, testing and enforce" },
    { "no age", MORE, APR_EINVAL, "max_age is missing" },
    { "too long an age", MORE "max_age: 31557601\n", APR_EINVAL, "max_age is over 31557600" },
    { "11 digits", MORE "max_age: 00000000060\n", APR_EINVAL, "max_age is no number of seconds" },
    { "a sign", MORE "max_age: -1\n", APR_EINVAL, "max_age is no number of seconds" },
    { "a unit", MORE "max_age: 1d\n", APR_EINVAL, "max_age is no number of seconds" },
    { "an empty age", MORE "max_age:\n", APR_EINVAL, "max_age is no number of seconds" },
    { "no mx", "version: STSv1\nmode: testing\nmax_age: 1\n", APR_EINVAL, "mx is missing" },
    { "mx an address", MORE "max_age: 1\nmx: 192.0.2.1\n", APR_EINVAL, "mx \"192.0.2.1\" is no host name" },
    { "wildcard inside", MORE "max_age: 1\nmx: a.*.example\n", APR_EINVAL,
      "mx \"a.*.example\" is no host name" },
    { "wildcard of a part", MORE "max_age: 1\nmx: *a.example\n", APR_EINVAL,
      "mx \"*a.example\" is no host name" },
    { "wildcard alone", MORE "max_age: 1\nmx: *\n", APR_EINVAL, "mx \"*\" is no host name" },
    { "two wildcards", MORE "max_age: 1\nmx: *.*.example\n", APR_EINVAL,
      "mx \"*.*.example\" is no host name" },
    { "a page", "<html>", APR_EINVAL, "\"<html>\" is no line of the form name: value" },
    { "blank before the colon", MORE "max_age : 1\n", APR_EINVAL,
      "\"max_age : 1\" is no line of the form name: value" },
    { "folded line", MORE "max_age:\n 1\n", APR_EINVAL, "\" 1\" is no line of the form name: value" },
    { "CR alone", "version: STSv1\rmode: none\rmax_age: 1", APR_EINVAL, "its version is not STSv1" },
    { "no UTF-8", MORE "max_age: 1\nx: \xE9\n", APR_EINVAL, "it is no UTF-8" },
    { "UTF-16's mark", "\xEF\xBB\xBFversion: STSv1\n", APR_EINVAL,
      "\"\xEF\xBB\xBFversion: STSv1\" is no line of the form name: value" },
};

static const char *as_text(const egs_sts_policy *policy, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s %" APR_INT64_T_FMT " %s", egs_sts_mode_name(policy->mode),
                        apr_time_sec(policy->max_age), apr_array_pstrcat(pool, policy->mx, ','));
}

static void reads_policies(void **state)
{
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        egs_sts_policy policy;
        const char *problem = NULL;
        apr_status_t rv =
            egs_sts_policy_parse(&policy, &problem, policies[i].text, strlen(policies[i].text), *state);

        print_message("# %s\n", policies[i].what);
        assert_int_equal(rv, policies[i].rv);
        assert_string_equal(rv == APR_SUCCESS ? as_text(&policy, *state) : problem, policies[i].expected);
    }
}

static void has_bounds(void **state)
{
    apr_size_t size = EGS_STS_SIZE_MAX;
    char *text = apr_palloc(*state, size + 1);
    egs_sts_policy policy;
    const char *problem;

    memset(text, '\n', size + 1);
    memcpy(text, MORE "max_age: 1", strlen(MORE "max_age: 1"));
    assert_int_equal(egs_sts_policy_parse(&policy, &problem, text, size, *state), APR_SUCCESS);
    assert_int_equal(egs_sts_policy_parse(&policy, &problem, text, size + 1, *state), APR_EINVAL);
    text[size - 1] = '\0';
    assert_int_equal(egs_sts_policy_parse(&policy, &problem, text, size, *state), APR_EINVAL);
}

static const struct {
    const char *pattern, *host;
    int allowed;
} hosts[] = {
    { "mail.example.com", "mail.example.com", 1 },
    { "mail.example.com", "MAIL.example.COM.", 1 },
    { "mail.example.com", "mail.example.com..", 0 },
    { "mail.example.com", "a.mail.example.com", 0 },
    { "mail.example.com", "example.com", 0 },
    { "mail.example.com", "xmail.example.com", 0 },
    { "mail.example.com", "mail.example.comx", 0 },
    { "mail.example.com", "", 0 },
    { "mail.example.com", ".", 0 },
    { "*.example.com", "mail.example.com", 1 },
    { "*.example.com", "Mail.Example.Com.", 1 },
    { "*.example.com", "a.mail.example.com", 0 },
    { "*.example.com", "example.com", 0 },
    { "*.example.com", ".example.com", 0 },
    { "*.example.com", "mailexample.com", 0 },
    { "*.example.com", "mail.example.com.evil.example", 0 },
    { "*.example.com", "", 0 },
};

static void allows_hosts(void **state)
{
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        apr_array_header_t *mx = apr_array_make(*state, 2, sizeof(const char *));
        const egs_sts_policy policy = { .mx = mx };

        print_message("# %s: %s\n", hosts[i].pattern, hosts[i].host);
        APR_ARRAY_PUSH(mx, const char *) = "other.example";
        APR_ARRAY_PUSH(mx, const char *) = hosts[i].pattern;
        assert_int_equal(egs_sts_allows(&policy, hosts[i].host), hosts[i].allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_records),  EG_TEST(refuses_a_nul_in_a_record),
        EG_TEST(reads_policies), EG_TEST(has_bounds),
        EG_TEST(allows_hosts),
    };

    return EG_TEST_RUN(tests);
}
