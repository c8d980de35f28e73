/* eg_dnsanswer_read: RFC 1035 section 4, RFC 2308, and what else a server may send. */
#include "testpool.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "dnsanswer.h"
#include "utf8.h"

/* Messages as octets. The name asked for is a.example, at offset 12. */
#define HEADER(flags, answers, authority) "\x12\x34" flags "\0\1\0" answers "\0" authority "\0\0"
#define ASKED(type) "\1a\7example\0\0" type "\0\1"
#define RR(owner, type, data, size) owner "\0" type "\0\1\0\0\0\0\0" size data
#define SELF "\xC0\x0C"
#define B "\1b\7example\0"
#define C "\1c\7example\0"
#define PLAIN "\x84\0" /* an answer, authoritative */
#define RECURSED "\x81\x80"
#define REFERRED "\x80\0"
#define NXDOMAIN "\x81\x83"
#define TXT "\x10"
#define MX "\x0f"
#define CNAME "\5"
#define NS "\2"
#define SOA "\6"

#define MESSAGE(...) __VA_ARGS__, sizeof(__VA_ARGS__) - 1

static const struct {
    const char *what;
    eg_dns_type type;
    const char *bytes;
    size_t size;
    eg_dns_result result;
    const char *found; /* records with " | " between them, or a part of the reason */
} cases[] = {
    { "one string", EG_DNS_TXT, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\5hello", "\6")),
      EG_DNS_FOUND, "hello" },
    { "strings of one record are joined", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\2he\0\3llo", "\x08")), EG_DNS_FOUND,
      "hello" },
    { "two records", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\2", "\0") ASKED(TXT) RR(SELF, TXT, "\1x", "\2") RR(SELF, TXT, "\1y", "\2")),
      EG_DNS_FOUND, "x | y" },
    { "the name written out, in upper case", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR("\1A\7EXAMPLE\0", TXT, "\1x", "\2")), EG_DNS_FOUND,
      "x" },
    { "NUL and 8-bit", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\3a\0\xFF", "\4")), EG_DNS_FOUND,
      "a\\x00\\xff" },
    { "no string", EG_DNS_TXT, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "", "\0")),
      EG_DNS_FOUND, "" },
    { "MX", EG_DNS_MX,
      MESSAGE(HEADER(PLAIN, "\2", "\0") ASKED(MX) RR(SELF, MX, "\0\x0A" B, "\x0D")
                  RR(SELF, MX, "\1\0\0", "\3")),
      EG_DNS_FOUND, "10 b.example | 256 ." },
    { "A", EG_DNS_A, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED("\1") RR(SELF, "\1", "\xC0\0\2\1", "\4")),
      EG_DNS_FOUND, "192.0.2.1" },
    { "AAAA", EG_DNS_AAAA,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED("\x1c")
                  RR(SELF, "\x1c", "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", "\x10")),
      EG_DNS_FOUND, "2001:db8::1" },
    { "CNAME asked for", EG_DNS_CNAME,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(CNAME) RR(SELF, CNAME, B, "\x0B")), EG_DNS_FOUND, "b.example" },
    { "an alias", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\2", "\0") ASKED(TXT) RR(SELF, CNAME, B, "\x0B") RR(B, TXT, "\1x", "\2")),
      EG_DNS_FOUND, "x" },
    { "aliases in any order", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\3", "\0") ASKED(TXT) RR(C, TXT, "\1x", "\2") RR(B, CNAME, C, "\x0B")
                  RR(SELF, CNAME, B, "\x0B")),
      EG_DNS_FOUND, "x" },
    { "records of other names", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\2", "\0") ASKED(TXT) RR(B, TXT, "\1x", "\2") RR(SELF, TXT, "\1y", "\2")),
      EG_DNS_FOUND, "y" },
    { "records of another type", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, MX, "\0\x0A" B, "\x0D")), EG_DNS_NO_DATA, "" },
    { "records of another class", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) SELF "\0" TXT "\0\3\0\0\0\0\0\2\1x"), EG_DNS_NO_DATA, "" },
    { "nothing", EG_DNS_TXT, MESSAGE(HEADER(PLAIN, "\0", "\0") ASKED(TXT)), EG_DNS_NO_DATA, "" },
    { "nothing, with NS and SOA", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\0", "\2") ASKED(TXT)
                  RR(SELF, NS, B, "\x0B") RR(SELF, SOA,
                                             "\0\0"
                                             "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1",
                                             "\x16")),
      EG_DNS_NO_DATA, "" },
    { "no such name", EG_DNS_TXT, MESSAGE(HEADER(NXDOMAIN, "\0", "\0") ASKED(TXT)), EG_DNS_NO_NAME, "" },
    { "an alias for no such name", EG_DNS_TXT,
      MESSAGE(HEADER(NXDOMAIN, "\1", "\0") ASKED(TXT) RR(SELF, CNAME, B, "\x0B")), EG_DNS_NO_NAME, "" },
    { "an alias for a name without data", EG_DNS_TXT,
      MESSAGE(HEADER(RECURSED, "\1", "\0") ASKED(TXT) RR(SELF, CNAME, B, "\x0B")), EG_DNS_NO_DATA, "" },
    { "an alias that a server does not follow", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, CNAME, B, "\x0B")), EG_DNS_TEMPORARY,
      "does not follow the alias to b.example" },
    { "aliases in a circle", EG_DNS_TXT,
      MESSAGE(HEADER(RECURSED, "\2", "\0") ASKED(TXT) RR(SELF, CNAME, B, "\x0B") RR(B, CNAME, SELF, "\2")),
      EG_DNS_TEMPORARY, "without end" },
    { "lame", EG_DNS_TXT, MESSAGE(HEADER(REFERRED, "\0", "\1") ASKED(TXT) RR(SELF, NS, B, "\x0B")),
      EG_DNS_TEMPORARY, "(lame)" },
    { "FORMERR", EG_DNS_TXT, MESSAGE(HEADER("\x81\x81", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "FORMERR" },
    { "SERVFAIL", EG_DNS_TXT, MESSAGE(HEADER("\x81\x82", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "SERVFAIL" },
    { "SERVFAIL with an answer", EG_DNS_TXT,
      MESSAGE(HEADER("\x81\x82", "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\1x", "\2")), EG_DNS_TEMPORARY,
      "SERVFAIL" },
    { "NOTIMP", EG_DNS_TXT, MESSAGE(HEADER("\x81\x84", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY, "NOTIMP" },
    { "REFUSED", EG_DNS_TXT, MESSAGE(HEADER("\x81\x85", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "REFUSED" },
    { "another code", EG_DNS_TXT, MESSAGE(HEADER("\x81\x89", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "code 9" },
    { "cut off", EG_DNS_TXT, MESSAGE(HEADER("\x83\x80", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "cut off" },
    { "a question", EG_DNS_TXT, MESSAGE(HEADER("\1\0", "\0", "\0") ASKED(TXT)), EG_DNS_TEMPORARY,
      "malformed" },
    { "too short", EG_DNS_TXT, MESSAGE("\x12\x34\x81\x80\0\1\0\0\0\0\0"), EG_DNS_TEMPORARY, "malformed" },
    { "empty", EG_DNS_TXT, MESSAGE(""), EG_DNS_TEMPORARY, "malformed" },
    { "no question there", EG_DNS_TXT, MESSAGE(HEADER(PLAIN, "\0", "\0")), EG_DNS_TEMPORARY, "malformed" },
    { "fewer records than promised", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\2", "\0") ASKED(TXT) RR(SELF, TXT, "\1x", "\2")), EG_DNS_TEMPORARY,
      "malformed" },
    { "a record beyond the end", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\1x", "\3")), EG_DNS_TEMPORARY,
      "malformed" },
    { "a string beyond its record", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR(SELF, TXT, "\2x", "\2")), EG_DNS_TEMPORARY,
      "malformed" },
    { "a name that points to itself", EG_DNS_TXT,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(TXT) RR("\xC0\x1B", TXT, "\1x", "\2")), EG_DNS_TEMPORARY,
      "malformed" },
    { "A of 3 bytes", EG_DNS_A, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED("\1") RR(SELF, "\1", "\1\2\3", "\3")),
      EG_DNS_TEMPORARY, "malformed" },
    { "MX without a host", EG_DNS_MX, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(MX) RR(SELF, MX, "\0\1", "\2")),
      EG_DNS_TEMPORARY, "malformed" },
    { "MX of one byte", EG_DNS_MX, MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(MX) RR(SELF, MX, "\1", "\1")),
      EG_DNS_TEMPORARY, "malformed" },
    { "CNAME with bytes behind it", EG_DNS_CNAME,
      MESSAGE(HEADER(PLAIN, "\1", "\0") ASKED(CNAME) RR(SELF, CNAME, B "x", "\x0C")), EG_DNS_TEMPORARY,
      "malformed" },
};

/* A copy of its very size, so that a sanitizer sees one byte too many. */
static eg_dns_question read_case(size_t i, apr_pool_t *pool)
{
    eg_dns_question question = { .name = "a.example", .type = cases[i].type, .reason = "?" };
    unsigned char *copy = malloc(cases[i].size > 0 ? cases[i].size : 1);

    assert_non_null(copy);
    memcpy(copy, cases[i].bytes, cases[i].size);
    eg_dnsanswer_read(&question, copy, cases[i].size, pool);
    free(copy);
    return question;
}

static const char *joined(const eg_dns_question *question, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; question->records != NULL && i < question->records->nelts; i++) {
        const eg_dns_record *one = &APR_ARRAY_IDX(question->records, i, eg_dns_record);
        char shown[600];

        eg_utf8_escape(shown, sizeof shown, one->text, one->length);
        text = apr_pstrcat(pool, text, i > 0 ? " | " : "",
                           question->type == EG_DNS_MX ? apr_psprintf(pool, "%d ", one->preference) : "",
                           shown, NULL);
    }
    return text;
}

static void reads_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_dns_question question = read_case(i, *state);

        print_message("# %s: %s\n", cases[i].what, question.reason != NULL ? question.reason : "");
        assert_int_equal(question.result, cases[i].result);
        if (question.result == EG_DNS_TEMPORARY) {
            assert_null(question.records);
            assert_non_null(strstr(question.reason, cases[i].found));
        }
        else {
            assert_null(question.reason);
            assert_int_equal(question.records != NULL, question.result == EG_DNS_FOUND);
            assert_string_equal(joined(&question, *state), cases[i].found);
        }
    }
}

/* 2,000 records of a 64 kB message: only so many are looked at. */
static void is_bounded(void **state)
{
    static const char head[] = HEADER(PLAIN, "\0", "\0") ASKED(TXT), one[] = RR(SELF, TXT, "\1x", "\2");
    size_t size = sizeof head - 1, each = sizeof one - 1;
    unsigned char *message = apr_palloc(*state, size + 2000 * each);
    eg_dns_question question = { .name = "a.example", .type = EG_DNS_TXT };

    memcpy(message, head, size);
    message[6] = 2000 >> 8;
    message[7] = 2000 & 255;
    for (size_t i = 0; i < 2000; i++, size += each) {
        memcpy(message + size, one, each);
    }
    eg_dnsanswer_read(&question, message, size, *state);
    assert_int_equal(question.result, EG_DNS_FOUND);
    assert_int_equal(question.records->nelts, EG_DNSANSWER_RECORDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_or_refuses),
        EG_TEST(is_bounded),
    };

    return EG_TEST_RUN(tests);
}
