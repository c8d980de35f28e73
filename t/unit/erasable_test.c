/* egs_erasable_mail and egs_erasable_attachment: where an address is found, and what the mail is without it. */
#include "testpool.h"

#include <stdio.h>
#include <unistd.h>

#include "erasing.h"
#include "rawmail.h"

#define H "Subject: s\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define ANN64 "QXNrIEFubkBleGFtcGxlLm9yZyBub3cuDQo=" /* "Ask Ann@example.org now.\r\n" */
#define ERASED64 "QXNrIFtlcmFzZWRdIG5vdy4NCg=="      /* "Ask [erased] now.\r\n" */
#define TEXT64(code) "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" code

/* A mail, and what it is afterwards; NULL: the same. */
static const struct {
    const char *what, *raw, *erased;
} cases[] = {
    { "nobody", H "\r\nAsk joe@example.org\r\n", NULL },
    { "a plain body", H "\r\nAsk Ann@example.org\r\n", H "\r\nAsk [erased]\r\n" },
    { "base64", H TEXT64(ANN64), H TEXT64(ERASED64) },
    { "base64 that is an attachment",
      H MIXED
      "--b\r\nContent-Disposition: attachment\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\n" ANN64 "\r\n--b--\r\n",
      H MIXED
      "--b\r\nContent-Disposition: attachment\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: "
      "base64\r\n\r\n" ERASED64 "\r\n--b--\r\n" },
    { "base64 that is broken", H TEXT64("*QXNrIEFubkBleGFtcGxlLm9yZyBub3cuDQo"), H TEXT64(ERASED64) },
    { "base64 that goes on", H TEXT64("QXNr==IEFubkBleGFtcGxlLm9yZyBub3cuDQo="), H TEXT64(ERASED64) },
    { "base64 of an image",
      H "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n" ANN64 "\r\n", NULL },
    { "quoted-printable, in two lines",
      H "Content-Transfer-Encoding: quoted-printable\r\n\r\nAsk =41nn=40ex=\r\nample.org =C3=BC\r\n",
      H "Content-Transfer-Encoding: quoted-printable\r\n\r\nAsk [erased] =C3=BC\r\n" },
    { "another charset",
      H "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n=FC ann@example.org\r\n",
      H "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n=FC [erased]\r\n" },
    { "a charset that nobody knows",
      H "Content-Type: text/html; charset=x-own\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n=FC=00 ann@example.org\r\n",
      H "Content-Type: text/html; charset=x-own\r\nContent-Transfer-Encoding: "
        "quoted-printable\r\n\r\n=FC=00 [erased]\r\n" },
    { "a type that cannot be read",
      H "Content-Type: text; x\r\nContent-Transfer-Encoding: base64\r\n\r\n" ANN64,
      H "Content-Type: text; x\r\nContent-Transfer-Encoding: base64\r\n\r\n" ERASED64 },
    { "an encoding that nobody knows", H "Content-Transfer-Encoding: x-own\r\n\r\nann@example.org\r\n",
      H "Content-Transfer-Encoding: x-own\r\n\r\n[erased]\r\n" },
    { "two encodings, of which the first holds",
      H "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: x-own\r\n\r\n" ANN64,
      H "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: x-own\r\n\r\n" ERASED64 },
    { "no text, but as it is", H "Content-Type: application/json\r\n\r\n{\"a\": \"ann@example.org\"}\r\n",
      H "Content-Type: application/json\r\n\r\n{\"a\": \"[erased]\"}\r\n" },
    { "signed", H "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT64(ANN64) "\r\n--b--\r\n",
      H "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT64(ERASED64) "\r\n--b--\r\n" },
    { "a mail within it",
      H MIXED "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: ann@example.org\r\nTo: ann@example.org, "
              "bob@example.org\r\n" TEXT64(ANN64) "\r\n--b--\r\n",
      H MIXED
      "--b\r\nContent-Type: message/rfc822\r\n\r\nTo: bob@example.org\r\n" TEXT64(ERASED64) "\r\n--b--\r\n" },
    { "a multipart that is said to be in base64",
      H "Content-Transfer-Encoding: base64\r\n" MIXED
        "--b\r\n" TEXT64(ANN64) "\r\n--b\r\n\r\nann@example.org\r\n--b--\r\n",
      H "Content-Transfer-Encoding: base64\r\n" MIXED
        "--b\r\n" TEXT64(ERASED64) "\r\n--b\r\n\r\n[erased]\r\n--b--\r\n" },
    { "a multipart in an encoding that nobody knows",
      H "Content-Transfer-Encoding: x-own\r\n" MIXED "--b\r\n" TEXT64(ANN64) "\r\n--b--\r\n",
      H "Content-Transfer-Encoding: x-own\r\n" MIXED "--b\r\n" TEXT64(ERASED64) "\r\n--b--\r\n" },
    { "a multipart without an end", H MIXED "--b\r\n" TEXT64(ANN64), H MIXED "--b\r\n" TEXT64(ERASED64) },
    { "an inner one without an end",
      H MIXED
      "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n" TEXT64(ANN64) "\r\n--b--\r\n",
      H MIXED "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n" TEXT64(
          ERASED64) "\r\n--b--\r\n" },
    { "a multipart without a boundary", H "Content-Type: multipart/mixed\r\n\r\nann@example.org\r\n",
      H "Content-Type: multipart/mixed\r\n\r\n[erased]\r\n" },
    { "a part that is none", H MIXED "--b\r\nAsk ann@example.org\r\n--b--\r\n",
      H MIXED "--b\r\nAsk [erased]\r\n--b--\r\n" },
    { "a part whose header has a line that is none",
      H MIXED "--b\r\nX-A:\r\nann@example.org\r\n" TEXT64(ANN64) "\r\n--b--\r\n",
      H MIXED "--b\r\nX-A:\r\n[erased]\r\n" TEXT64(ERASED64) "\r\n--b--\r\n" },
    { "what is between parts, but boundaries",
      H "Content-Type: multipart/mixed; boundary=\"ann@example.org\"\r\n\r\nfor ann@example.org\r\n"
        "--ann@example.org\r\n\r\nx\r\n--ann@example.org--\r\nann@example.org",
      H "Content-Type: multipart/mixed;\r\n boundary=\"ann@example.org\"\r\n\r\nfor [erased]\r\n"
        "--ann@example.org\r\n\r\nx\r\n--ann@example.org--\r\n[erased]" },
    { "encoded words", "Subject: =?utf-8?B?QXNrIEFubkBleGFt?= =?utf-8?Q?ple.org_=C3=BC?=\r\n\r\n",
      "Subject: =?utf-8?B?QXNrIFtlcmFzZWRdIMO8?=\r\n\r\n" },
    { "the name of a field", H "ann@example.org: x\r\n\r\n", H "[erased]: x\r\n\r\n" },
    { "a field of its own", "X-For: Ann@example.org\r\n\r\n", "X-For: [erased]\r\n\r\n" },
    { "lists of addresses",
      H
      "To: Bob <bob@example.org>,\r\n =?utf-8?Q?=C3=84nn?= <ANN@example.org>\r\nCc: ann@example.org\r\n\r\n",
      H "To: Bob <bob@example.org>\r\n\r\n" },
    { "names of others", H "To: \"Ann@example.org's\" <bob@example.org>\r\n\r\n",
      H "To: \"[erased]'s\" <bob@example.org>\r\n\r\n" },
    { "comments", H "To: bob@example.org (ann@example.org)\r\n\r\n", H "To: bob@example.org\r\n\r\n" },
    { "nobody is left", H "To: ann@example.org\r\n\r\n", H "To: undisclosed-recipients:;\r\n\r\n" },
    { "no field is left", "Cc: ann@example.org\r\n\r\n", "To: undisclosed-recipients:;\r\n\r\n" },
    { "no field of several is left", "Cc: ann@example.org\r\nReply-To: ann@example.org\r\n\r\nx\r\n",
      "To: undisclosed-recipients:;\r\n\r\nx\r\n" },
    { "no list", H "To: ann@example.org bob@example.org\r\n\r\n", H "To: [erased] bob@example.org\r\n\r\n" },
    { "the sender", "From: Ann <ann@example.org>\r\nReply-To: ann@example.org\r\n\r\n",
      "From: Ann <ann@example.org>\r\n\r\n" },
    { "the sender's name", "From: \"ann@example.org by us\" <us@example.com>\r\n\r\n",
      "From: \"[erased] by us\" <us@example.com>\r\n\r\n" },
    { "the name of a file",
      H "Content-Type: image/png; name=\"=?utf-8?Q?ann=40example.org?=\"\r\nContent-Disposition: "
        "attachment;\r\n"
        " filename*0*=utf-8''ann@exa; filename*1=\"mple.org.png\"\r\n\r\n",
      H "Content-Type: image/png;\r\n name=\"[erased]\"\r\nContent-Disposition: attachment;\r\n"
        " filename*=utf-8''erased.png\r\n\r\n" },
    { "the name of a file in pieces that are not in their order",
      H "Content-Type: image/png; name*1=ple.org; x=y; name*10=\".png\"; name*0=ann@exam\r\n\r\n",
      H "Content-Type: image/png;\r\n name=\"[erased].png\";\r\n x=\"y\"\r\n\r\n" },
    { "pieces beside the whole", H "Content-Type: image/png; name=a; name*0=ann@exam; name*1=ple.org\r\n\r\n",
      H "Content-Type: image/png;\r\n name=\"a\";\r\n name*0=\"[erased]\"\r\n\r\n" },
    { "the word before parameters", H "Content-Type: text/ann@example.org; charset=utf-8\r\n\r\n",
      H "Content-Type: text/[erased];\r\n charset=\"utf-8\"\r\n\r\n" },
    { "the name of a parameter", H "Content-Type: image/png; ann@example.org=x; name=y\r\n\r\n",
      H "Content-Type: image/png;\r\n name=\"y\"\r\n\r\n" },
    { "comments of other fields",
      H "Content-Type: text/plain (for ann@example.org)\r\nContent-Transfer-Encoding: base64 "
        "(ann@example.org)\r\n\r\n" ANN64,
      H "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64 ([erased])\r\n\r\n" ERASED64 },
    { "a header that is none", "ann@example.org\r\n\r\n", "[erased]\r\n\r\n" },
    { "nothing", "", NULL },
};

static void finds_and_erases(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_bytes raw = { cases[i].raw, strlen(cases[i].raw) }, erased;
        egs_erasable *erasable = egs_erasable_mail(raw, ERASING_PERSON, *state);

        print_message("# %s\n", cases[i].what);
        erasing_look_through(erasable, ERASING_PERSON, *state);
        erased = egs_erasable_write(erasable);
        assert_string_equal(apr_pstrmemdup(*state, erased.data, erased.size),
                            cases[i].erased != NULL ? cases[i].erased : cases[i].raw);
        if (cases[i].erased == NULL) {
            assert_true(egs_erasable_is_same(erasable));
        }
        else {
            assert_false(egs_erasable_is_same(erasable));
        }
    }
}

static const char *nested(int depth, apr_pool_t *pool)
{
    return depth == 0
               ? H TEXT64(ANN64)
               : apr_pstrcat(pool, H "Content-Type: message/rfc822\r\n\r\n", nested(depth - 1, pool), NULL);
}

static void depth_is_bounded(void **state)
{
    for (int depth = 1; depth < 8; depth++) {
        const char *raw = nested(depth, *state);
        egs_erasable *erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, ERASING_PERSON, *state);

        erasing_look_through(erasable, ERASING_PERSON, *state);
        assert_int_equal(egs_erasable_is_same(erasable), depth > 5);
    }
}

static const char *repeated(const char *text, int times, apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, times, sizeof(const char *));

    while (times-- > 0) {
        APR_ARRAY_PUSH(all, const char *) = text;
    }
    return apr_array_pstrcat(pool, all, 0);
}

/* Mails within a mail, each of so many parts with so many fields, and one part behind them. */
static const char *crowd(int mails, int parts, int fields, const char *behind, apr_pool_t *pool)
{
    const char *part = apr_pstrcat(pool, "--c\r\n", repeated("a:@\r\n", fields, pool), "\r\nx\r\n", NULL);
    const char *mail = apr_pstrcat(pool,
                                   "--b\r\nContent-Type: message/rfc822\r\n\r\n"
                                   "Content-Type: multipart/mixed; boundary=c\r\n\r\n",
                                   repeated(part, parts, pool), "--c--\r\n", NULL);

    return apr_pstrcat(pool, H MIXED, repeated(mail, mails, pool), "--b\r\n", behind, "\r\n--b--\r\n", NULL);
}

/* Behind the bound, an address is found as it stands, and no longer in base64. */
static void number_is_bounded(void **state)
{
    static const struct {
        int mails, is_decoded;
    } crowds[] = { { 1, 1 }, { 11, 0 } };

    for (size_t i = 0; i < sizeof crowds / sizeof *crowds; i++) {
        const char *raw = crowd(crowds[i].mails, 20, 700, "X-For: ann@example.org\r\n" TEXT64(ANN64), *state);
        egs_erasable *erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, ERASING_PERSON, *state);
        const char *erased;

        assert_true(erasable->texts->nelts > 10000);
        assert_true(erasable->texts->nelts <= EGS_ERASABLE_MAX / 2 + 20); /* a field and its text are two */
        erasing_look_through(erasable, ERASING_PERSON, *state);
        erased = egs_erasable_write(erasable).data;
        assert_int_equal(strstr(erased, ERASED64) != NULL, crowds[i].is_decoded);
        assert_non_null(strstr(erased, "\r\nX-For: [erased]\r\n"));
    }
}

/* The lines between parts may be as many. */
static void lines_between_parts_are_bounded(void **state)
{
    const char *raw = apr_pstrcat(*state, H MIXED, repeated("@\r\n--\r\n", 2 * EGS_ERASABLE_MAX, *state),
                                  "ann@example.org\r\n--b\r\n\r\nx\r\n--b--\r\n", NULL);
    egs_erasable *erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, ERASING_PERSON, *state);

    assert_true(erasable->texts->nelts <= EGS_ERASABLE_MAX + 10);
    erasing_look_through(erasable, ERASING_PERSON, *state);
    assert_non_null(strstr(egs_erasable_write(erasable).data, "\r\n[erased]\r\n--b\r\n"));
}

/* Addresses and parameters count, even if none of them is a text, and if the last spoils the list. */
static void values_are_bounded(void **state)
{
    static const struct {
        const char *name, *value, *end;
    } fields[] = { { "To:", "a@b.c,", "a@b.c" },
                   { "Cc:", "a@b.c,", "none" },
                   { "Content-Disposition: x", ";a=b", "" } };

    for (size_t i = 0; i < 2 * sizeof fields / sizeof *fields; i++) {
        int times = i % 2 == 0 ? 40 : 4;
        const char *field =
            apr_pstrcat(*state, fields[i / 2].name, repeated(fields[i / 2].value, times, *state),
                        fields[i / 2].end, "\r\n", NULL);
        const char *part = apr_pstrcat(*state, "--b\r\n", repeated(field, 500, *state), "\r\n", NULL);
        const char *raw =
            apr_pstrcat(*state, H MIXED, repeated(part, 3, *state), "--b\r\n" TEXT64(ANN64), NULL);
        egs_erasable *erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, ERASING_PERSON, *state);

        erasing_look_through(erasable, ERASING_PERSON, *state);
        assert_int_equal(egs_erasable_is_same(erasable), times == 40);
    }
}

#define UMLAUTS "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6"

#define NINE(text) text text text text text text text text text

/* What is written anew can be longer than it was: not so that it could not be read any more. */
static void headers_stay_within_their_bound(void **state)
{
    static const struct {
        const char *what, *begin, *middle, *end, *rest;
        int times;
        const char *person;
    } headers[] = {
        { "a subject", "Subject: ann@example.org ", "\xc3\xa9", "", "Subject: [erased]\r\n\r\nx\r\n", 80000,
          NULL },
        { "names", "To: \"ann@example.org\" <bob@example.org>",
          ", \"" UMLAUTS UMLAUTS UMLAUTS UMLAUTS "\" <bob@example.org>", "", NULL, 1900, NULL },
        { "parameters", "Content-Type: text/plain; charset=utf-8; name=\"ann@example.org ", "\xc3\xa9", "\"",
          "Content-Type: text/plain;\r\n charset=\"utf-8\"\r\n\r\nx\r\n", 80000, NULL },
        { "a token", "Content-Transfer-Encoding: 7bit (a@b.c", "/a@b.c", ")",
          "Content-Transfer-Encoding: [erased]\r\n\r\nx\r\n", 35000, "a@b.c" },
        { "a name that is the person", "a@b.c: x", "/a@b.c", "", "X-Erased: [erased]\r\n\r\nx\r\n", 35000,
          "a@b.c" },
        { "many fields", "X-1: ann@example.org", "\r\nX-1: ann@example.org " NINE(UMLAUTS), "", NULL, 900,
          NULL },
    };

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        const char *raw =
            apr_pstrcat(*state, headers[i].begin, repeated(headers[i].middle, headers[i].times, *state),
                        headers[i].end, "\r\n\r\nx\r\n", NULL);
        const char *person = headers[i].person != NULL ? headers[i].person : ERASING_PERSON;
        egs_erasable *erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, person, *state);
        const char *problem;
        eg_bytes erased;
        eg_rawmail mail;

        print_message("# %s\n", headers[i].what);
        erasing_look_through(erasable, person, *state);
        erased = egs_erasable_write(erasable);
        assert_null(strcasestr(erased.data, person));
        assert_false(egs_erasable_is_same(erasable));
        assert_int_equal(eg_rawmail_parse(&mail, &problem, (eg_bytes){ raw, strlen(raw) }, *state),
                         APR_SUCCESS);
        assert_int_equal(eg_rawmail_parse(&mail, &problem, erased, *state), APR_SUCCESS);
        if (headers[i].rest != NULL) {
            assert_string_equal(erased.data, headers[i].rest);
        }
    }
}

/* Bytes that the process has in memory. */
static size_t memory_used(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Values in as many pieces as there may be, of headers as long as they may be. */
static void pieces_take_little_memory(void **state)
{
    const char *piece = repeated("piece@", 850, *state);
    const char *part = "--b\r\nContent-Disposition: x", *raw;
    size_t before, taken;
    egs_erasable *erasable;

    for (int i = 0; i < 48; i++) {
        part = apr_psprintf(*state, "%s; name*%d=%s", part, i, piece);
    }
    raw = apr_pstrcat(*state, H MIXED, repeated(apr_pstrcat(*state, part, "\r\n\r\n", NULL), 30, *state),
                      "--b--\r\n", NULL);
    before = memory_used();
    erasable = egs_erasable_mail((eg_bytes){ raw, strlen(raw) }, ERASING_PERSON, *state);
    taken = memory_used() - before;
    assert_int_equal(erasable->texts->nelts, 30 * 3); /* the value, the whole field, the body */
    print_message("# %zu MB for a mail of %zu MB\n", taken >> 20, strlen(raw) >> 20);
    assert_true(taken < 10 * strlen(raw) + (50 << 20));
}

#define BYTES(text)                                                                                          \
    {                                                                                                        \
        text, sizeof text - 1                                                                                \
    }

static const struct {
    const char *what, *type;
    eg_bytes content, erased;
} attachments[] = {
    { "UTF-8", "text/csv; charset=utf-8", BYTES("\xc3\xbc,Ann@example.org\n"), BYTES("\xc3\xbc,[erased]\n") },
    { "its own charset", "text/csv; charset=windows-1252", BYTES("\xfc\x80,Ann@example.org\n"),
      BYTES("\xfc\x80,[erased]\n") },
    { "bytes", "text/csv", BYTES("\xfc\0\xff,Ann@example.org\n"), BYTES("\xfc\0\xff,[erased]\n") },
    { "UTF-16 by its mark", "text/csv",
      BYTES("\xff\xfe"
            "a\0n\0n\0@\0e\0x\0a\0m\0p\0l\0e\0.\0o\0r\0g\0 \0\xfc\0"),
      BYTES("\xff\xfe"
            "[\0e\0r\0a\0s\0e\0d\0]\0 \0\xfc\0") },
    { "UTF-16 by its name", "text/csv; charset=utf-16",
      BYTES("\0a\0n\0n\0@\0e\0x\0a\0m\0p\0l\0e\0.\0o\0r\0g"), BYTES("\0[\0e\0r\0a\0s\0e\0d\0]") },
    { "none", "text/plain", BYTES(""), BYTES("") },
};

static void attachments_that_are_text(void **state)
{
    for (size_t i = 0; i < sizeof attachments / sizeof *attachments; i++) {
        egs_erasable *erasable = egs_erasable_attachment(attachments[i].content, attachments[i].type, *state);
        eg_bytes erased;

        print_message("# %s\n", attachments[i].what);
        erasing_look_through(erasable, ERASING_PERSON, *state);
        erased = egs_erasable_write(erasable);
        assert_int_equal(erased.size, attachments[i].erased.size);
        assert_memory_equal(erased.data, attachments[i].erased.data, erased.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(finds_and_erases),
        EG_TEST(depth_is_bounded),
        EG_TEST(number_is_bounded),
        EG_TEST(values_are_bounded),
        EG_TEST(lines_between_parts_are_bounded),
        EG_TEST(headers_stay_within_their_bound),
        EG_TEST(pieces_take_little_memory),
        EG_TEST(attachments_that_are_text),
    };

    return EG_TEST_RUN(tests);
}
