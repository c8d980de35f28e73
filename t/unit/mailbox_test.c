/* eg_mailbox_parse: RFC 5321 section 4.1.2 (Mailbox), 4.5.3.1 (size limits), RFC 6531 section 3.3. */
#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "mailbox.h"
#include "testpool.h"
#include "utf8.h"

#define A10 "aaaaaaaaaa"
#define A63 A10 A10 A10 A10 A10 A10 "aaa"

static const struct {
    const char *what, *text, *local, *domain;
    int utf8_local;
} taken[] = {
    { "plain", "ann@example.com", "ann", "example.com", 0 },
    { "dots", "ann.b.c@example.com", "ann.b.c", "example.com", 0 },
    { "tag", "ann+tag@mail.example.org", "ann+tag", "mail.example.org", 0 },
    { "case of the local part stays", "Ann.B@EXAMPLE.com", "Ann.B", "example.com", 0 },
    { "all of atext", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~", "example.com", 0 },
    { "percent", "a%b@example.com", "a%b", "example.com", 0 },
    { "bang", "a!b@example.com", "a!b", "example.com", 0 },
    { "hyphen first", "-x@y.test", "-x", "y.test", 0 },
    { "local part of 64", A63 "a@example.com", A63 "a", "example.com", 0 },
    { "quoted space", "\"a b\"@example.com", "\"a b\"", "example.com", 0 },
    { "quoted at", "\"a@b\"@example.com", "\"a@b\"", "example.com", 0 },
    { "quoted angle brackets", "\"<a>\"@example.com", "\"<a>\"", "example.com", 0 },
    { "quoted pair", "\"a\\\"b\\\\\"@example.com", "\"a\\\"b\\\\\"", "example.com", 0 },
    { "quoted nothing", "\"\"@example.com", "\"\"", "example.com", 0 },
    { "quoted dots", "\"..\"@example.com", "\"..\"", "example.com", 0 },
    { "quoted UTF-8", "\"\xC3\xA9\"@example.com", "\"\xC3\xA9\"", "example.com", 1 },
    { "UTF-8", "\xE7\x94\xA8\xE6\x88\xB7@example.com", "\xE7\x94\xA8\xE6\x88\xB7", "example.com", 1 },
    { "emoji", "\xF0\x9F\x98\x80@example.com", "\xF0\x9F\x98\x80", "example.com", 1 },
    { "international domain",
      "ann@b\xC3\xBC"
      "cher.example",
      "ann", "xn--bcher-kva.example", 0 },
    { "A-labels", "ann@XN--bcher-kva.example", "ann", "xn--bcher-kva.example", 0 },
    { "254 octets", A63 "@" A63 "." A63 "." A10 A10 A10 A10 A10 "aaaa.example", A63,
      A63 "." A63 "." A10 A10 A10 A10 A10 "aaaa.example", 0 },
};

static void takes_one_address(void **state)
{
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        eg_mailbox box = { 0 };

        print_message("# %s\n", taken[i].what);
        assert_int_equal(eg_mailbox_parse(&box, taken[i].text, *state), APR_SUCCESS);
        assert_string_equal(box.local, taken[i].local);
        assert_string_equal(box.domain, taken[i].domain);
        assert_string_equal(box.address, apr_pstrcat(*state, taken[i].local, "@", taken[i].domain, NULL));
        assert_int_equal(box.utf8_local, taken[i].utf8_local);
    }
}

static const struct {
    const char *what, *text;
} refused[] = {
    { "encoded word that hides a line end", "=?utf-8?q?x=0d=0aBcc:_e@x.test?=@example.com" },
    { "empty", "" },
    { "at alone", "@" },
    { "no domain", "ann@" },
    { "no local part", "@example.com" },
    { "no at", "example.com" },
    { "two ats", "a@b@example.com" },
    { "dot first", ".ann@example.com" },
    { "dot last", "ann.@example.com" },
    { "two dots", "ann..b@example.com" },
    { "local part of 65", A63 "aa@example.com" },
    { "quoted local part of 65", "\"" A63 "\"@example.com" },
    { "255 octets", A63 "@" A63 "." A63 "." A10 A10 A10 A10 A10 "aaaaa.example" },
    { "single label", "ann@localhost" },
    { "address literal", "a@[127.0.0.1]" },
    { "IPv6 literal", "a@[IPv6:::1]" },
    { "port", "a@b:2525" },
    { "port behind a good domain", "a@example.com:2525" },
    { "source route", "@relay.example:a@b.example" },
    { "percent hack into one label", "a%b@c" },
    { "angle brackets", "<ann@example.com>" },
    { "display name", "Ann <ann@example.com>" },
    { "parameter", "<a@b.example> NOTIFY=NEVER" },
    { "parameter behind", "a@b.example NOTIFY=NEVER" },
    { "angle bracket closes", "a>@b.example" },
    { "two addresses", "a@b.example,c@d.example" },
    { "comment", "ann(x)@example.com" },
    { "space first", " ann@example.com" },
    { "space last", "ann@example.com " },
    { "space within", "a b@example.com" },
    { "tab within", "a\tb@example.com" },
    { "U+3000 in the domain", "a@b\xE3\x80\x80.example" },
    { "header injection", "ann\r\nBcc: x@y.test" },
    { "header injection by LF", "ann@example.com\nBcc: x@y.test" },
    { "header injection by CR", "ann@example.com\rBcc: x@y.test" },
    { "folded injection", "ann@example.com\r\n\tBcc: x@y.test" },
    { "command injection", "a@b.example>\r\nRCPT TO:<evil@x" },
    { "command injection in quotes", "\"a\r\nDATA\"@b.example" },
    { "escaped CR LF in quotes", "\"a\\\r\\\nDATA\"@b.example" },
    { "tab in quotes", "\"a\tb\"@b.example" },
    { "DEL in quotes", "\"\x7f\"@b.example" },
    { "escaped DEL in quotes", "\"\\\x7f\"@b.example" },
    { "escaped UTF-8 in quotes", "\"\\\xC3\xA9\"@b.example" },
    { "unclosed quotes", "\"ann@example.com" },
    { "quotes closed by an escape", "\"ann\\\"@example.com" },
    { "backslash at the very end", "\"ann\\" },
    { "text behind the quotes", "\"a\"b@example.com" },
    { "text before the quotes", "a\"b\"@example.com" },
    { "quotes as one of several words", "\"a\".b@example.com" },
    { "quotes in the domain", "a@\"b.example\"" },
    { "backslash", "a\\@b@example.com" },
    { "U+0085", "a\xC2\x85"
                "b@example.com" },
    { "C1", "a\xC2\x9B@example.com" },
    { "U+2028", "x\xE2\x80\xA8"
                "Bcc:@example.com" },
    { "U+2029 in quotes", "\"x\xE2\x80\xA9\"@example.com" },
    { "right-to-left override", "gpj\xE2\x80\xAE@example.com" },
    { "isolate in quotes", "\"\xE2\x81\xA6\"@example.com" },
    { "invalid UTF-8", "a\xFF@example.com" },
    { "overlong line feed", "a\xC0\x8A@example.com" },
    { "surrogate", "a\xED\xA0\x80@example.com" },
    { "UTF-8 cut at the at", "a\xE2\x82@example.com" },
    { "UTF-8 cut at the end", "a\xE2\x82" },
    { "domain with an underscore", "a@b_c.example" },
    { "domain ends with a dot", "a@b.example." },
    { "domain with a slash", "a@b/c.example" },
};

static void refuses_anything_else(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        eg_mailbox box = { 0 };

        print_message("# %s\n", refused[i].what);
        assert_int_equal(eg_mailbox_parse(&box, refused[i].text, *state), APR_EINVAL);
        assert_null(box.address);
    }
}

/*
 * isemail's test set: where we refuse what it has no objection against, or
 * rather what it warns of, and why. The first row whose words fit stands.
 */
static const struct {
    const char *category, *diagnosis; /* NULL fits all */
    const char *why;
} differences[] = {
    { "VALID_CATEGORY", "VALID", "a domain of one label" },
    { "RFC5321", "RFC5321_TLD", "a domain of one label" },
    { "RFC5321", "RFC5321_TLDNUMERIC", "no top-level domain is a number; it would be taken for an address" },
    { "RFC5321", "RFC5321_ADDRESSLITERAL", "no receiver on the Internet needs address literals" },
    { "RFC5322", "RFC5322_DOMAIN", "legal in a header only: not a host name" },
    { "RFC5322", "RFC5322_TOOLONG", "longer than RFC 5321 allows" },
    { "RFC5322", "RFC5322_LOCAL_TOOLONG", "longer than RFC 5321 allows" },
    { "RFC5322", "RFC5322_LABEL_TOOLONG", "longer than RFC 1035 allows" },
    { "RFC5322", "RFC5322_DOMAIN_TOOLONG", "longer than RFC 1035 allows" },
    { "RFC5322", NULL, "a domain literal that RFC 5321 has not" },
    { "CFWS", NULL, "comments and white space belong into headers, not into an address" },
    { "DEPREC", "RFC5321_IPV6DEPRECATED", "no receiver on the Internet needs address literals" },
    { "DEPREC", NULL, "RFC 5322 only reads this, nothing may write it" },
};

/* The content of <name> in the test at *at; entities are decoded, U+24xx become control characters. */
static const char *element(const char *test, const char *end, const char *name, apr_pool_t *pool)
{
    const char *open = strstr(test, apr_psprintf(pool, "<%s>", name)), *close;
    char *text, *to;

    if (open == NULL || open >= end) {
        return ""; /* <address/> */
    }
    open += strlen(name) + 2;
    close = strstr(open, "</");
    to = text = apr_palloc(pool, (apr_size_t)(close - open) + 1);
    while (open < close) {
        if (strncmp(open, "&#x", 3) == 0) {
            unsigned long code = strtoul(open + 3, (char **)&open, 16);

            open++; /* the semicolon */
            if (code >= 0x2400 && code < 0x2440) {
                *to++ = (char)(code - 0x2400);
            }
            else if (code < 0x80) {
                *to++ = (char)code;
            }
            else {
                assert_true(code < 0x800);
                *to++ = (char)(0xC0 | code >> 6);
                *to++ = (char)(0x80 | (code & 0x3F));
            }
        }
        else if (strncmp(open, "&amp;", 5) == 0) {
            *to++ = '&';
            open += 5;
        }
        else if (strncmp(open, "&lt;", 4) == 0 || strncmp(open, "&gt;", 4) == 0) {
            *to++ = open[1] == 'l' ? '<' : '>';
            open += 4;
        }
        else {
            *to++ = *open++;
        }
    }
    *to = '\0';
    return text;
}

static const char *reason_for(const char *category, const char *diagnosis)
{
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++) {
        if (strcmp(category, differences[i].category) == 0 &&
            (differences[i].diagnosis == NULL || strcmp(diagnosis, differences[i].diagnosis) == 0)) {
            return differences[i].why;
        }
    }
    return NULL;
}

/* The rows for VALID explain one label only. */
static int has_one_label(const char *address)
{
    const char *at = strrchr(address, '@');

    return at != NULL && strchr(at, '.') == NULL;
}

static const char *read_file(const char *path, apr_pool_t *pool)
{
    apr_finfo_t about;
    apr_file_t *file;
    char *text;

    assert_int_equal(apr_file_open(&file, path, APR_FOPEN_READ, 0, pool), APR_SUCCESS);
    assert_int_equal(apr_file_info_get(&about, APR_FINFO_SIZE, file), APR_SUCCESS);
    text = apr_pcalloc(pool, (apr_size_t)about.size + 1);
    assert_int_equal(apr_file_read_full(file, text, (apr_size_t)about.size, NULL), APR_SUCCESS);
    apr_file_close(file);
    return text;
}

static void agrees_with_isemail(void **state)
{
    const char *corpora = getenv("EG_CORPORA"), *test, *end;
    int tests = 0, agree = 0;
    char shown[1024];

    if (corpora == NULL) {
        print_message("# ran without EG_CORPORA\n");
        return;
    }
    test = read_file(apr_pstrcat(*state, corpora, "/address-isemail/tests.xml", NULL), *state);
    for (; (test = strstr(test, "<test id=")) != NULL; test = end) {
        const char *address, *category, *diagnosis, *why;
        eg_mailbox box;
        int accepted;

        end = strstr(test, "</test>");
        address = element(test, end, "address", *state);
        category = element(test, end, "category", *state) + strlen("ISEMAIL_");
        diagnosis = element(test, end, "diagnosis", *state) + strlen("ISEMAIL_");
        accepted = eg_mailbox_parse(&box, address, *state) == APR_SUCCESS;
        tests++;
        eg_utf8_escape(shown, sizeof shown, address, strlen(address));
        if (accepted == (strcmp(category, "ERR") != 0)) {
            agree++;
            continue;
        }
        if (accepted) {
            fail_msg("%s was taken (%s)", shown, diagnosis);
        }
        why = reason_for(category, diagnosis);
        if (why == NULL || (strcmp(diagnosis, "VALID") == 0 && !has_one_label(address))) {
            fail_msg("%s was refused (%s, %s)", shown, category, diagnosis);
        }
        print_message("# refused %s (%s): %s\n", shown, diagnosis, why);
    }
    print_message("# %d of %d agree, %d are refused for a reason\n", agree, tests, tests - agree);
    assert_true(tests > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(takes_one_address),
        EG_TEST(refuses_anything_else),
        EG_TEST(agrees_with_isemail),
    };

    return EG_TEST_RUN(tests);
}
