/* eg_rawwire_fit: bodies that every server takes; what must not change is said. */
#include "testpool.h"

#include <string.h>
#include <time.h>

#include <apr_strings.h>

#include "rawwire.h"

#define UE "\xc3\xbc"
#define MIXED(label) "Content-Type: multipart/mixed; boundary=b\r\n" label "\r\n"
#define X23 "xxxxxxxxxxxxxxxxxxxxxxx"
#define X69 X23 X23 X23
#define QP "Content-Transfer-Encoding: quoted-printable\r\n"
#define B64 "Content-Transfer-Encoding: base64\r\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define PART "--b\r\n" TEXT "\r\nx " UE " y z\r\n--b--\r\n"

static const struct {
    const char *what, *mail;
    eg_mimefault fault;
    const char *fitted;
} cases[] = {
    { "fits", "X: y\r\n\r\n a \r\n.\r\n", EG_MIME_FITS, "X: y\r\n\r\n a \r\n.\r\n" },
    { "no body", "X: y\r\n", EG_MIME_FITS, "X: y\r\n" },
    { "8-bit text", TEXT "\r\n" UE "=1 or more \r\n\tx\r\n", EG_MIME_FITS,
      TEXT QP "\r\n=C3=BC=3D1 or more=20\r\n\tx\r\n" },
    { "its label goes", "Content-Transfer-Encoding: 8bit\r\n" TEXT "\r\n" UE " and more\r\n", EG_MIME_FITS,
      QP TEXT "\r\n=C3=BC and more\r\n" },
    { "a label alone stays", "Content-Transfer-Encoding: 8bit\r\n" TEXT "\r\nx\r\n", EG_MIME_FITS,
      "Content-Transfer-Encoding: 8bit\r\n" TEXT "\r\nx\r\n" },
    { "a label of a folded field", "Content-Transfer-Encoding:\r\n 8bit\r\nX: y\r\n" TEXT "\r\n" UE,
      EG_MIME_FITS, QP "X: y\r\n" TEXT "\r\n=C3=BC" },
    { "mostly 8-bit", TEXT "\r\n" UE UE UE UE "\r\n", EG_MIME_FITS, TEXT B64 "\r\nw7zDvMO8w7wNCg==" },
    { "no type", "X: y\r\n\r\n" UE " and more\r\n", EG_MIME_FITS,
      "X: y\r\n" TEXT QP "\r\n=C3=BC and more\r\n" },
    { "no type and no UTF-8", "X: y\r\n\r\n\xfc and more\r\n", EG_MIME_FITS,
      "X: y\r\nContent-Type: text/plain; charset=unknown-8bit\r\n" QP "\r\n=FC and more\r\n" },
    { "octets", "Content-Type: application/x\r\n\r\n" UE "abcdefghijkl", EG_MIME_FITS,
      "Content-Type: application/x\r\n" B64 "\r\nw7xhYmNkZWZnaGlqa2w=" },
    { "8-bit within quoted-printable", TEXT QP "\r\n" UE "=3D\r\n", EG_MIME_FITS,
      TEXT QP "\r\n=C3=BC=3D\r\n" },
    { "8-bit within base64", B64 "\r\n" UE "\r\n", EG_MIME_8BIT, NULL },
    { "in an encoding that is not known", "Content-Transfer-Encoding: x-y\r\n\r\n" UE, EG_MIME_8BIT, NULL },
    { "part by part", MIXED("") "--b\r\n" TEXT "\r\nx " UE " y z\r\n--b\r\n\r\nx\r\n--b--\r\n", EG_MIME_FITS,
      MIXED("") "--b\r\n" TEXT QP "\r\nx =C3=BC y z\r\n--b\r\n\r\nx\r\n--b--\r\n" },
    { "a boundary at a soft line break", MIXED("") "--b\r\n" TEXT "\r\n" UE X69 "--b\r\n--b--\r\n",
      EG_MIME_FITS, MIXED("") "--b\r\n" TEXT QP "\r\n=C3=BC" X69 "=\r\n=2D-b\r\n--b--\r\n" },
    { "a boundary within an encoding", MIXED("") "--b\r\n" TEXT QP "\r\n=2D-b\r\n" UE "- -- -\r\n--b--\r\n",
      EG_MIME_FITS, MIXED("") "--b\r\n" TEXT QP "\r\n=2D-b\r\n=C3=BC- -- -\r\n--b--\r\n" },
    { "the multipart's label", MIXED("Content-Transfer-Encoding: 8bit\r\n") "--b\r\n\r\nx\r\n--b--\r\n",
      EG_MIME_FITS, MIXED("Content-Transfer-Encoding: 7bit\r\n") "--b\r\n\r\nx\r\n--b--\r\n" },
    { "before the first part", MIXED("") UE "\r\n--b\r\n\r\nx\r\n--b--\r\n", EG_MIME_8BIT, NULL },
    { "behind the last part", MIXED("") "--b\r\n\r\nx\r\n--b--\r\n" UE, EG_MIME_8BIT, NULL },
    { "a mail enclosed", "Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\n" UE, EG_MIME_8BIT, NULL },
    { "signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" UE "\r\n--b--\r\n",
      EG_MIME_8BIT, NULL },
    { "a mail in a digest",
      "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nX: y\r\n\r\n" UE "\r\n--b--\r\n",
      EG_MIME_8BIT, NULL },
    { "a multipart with a semicolon less",
      "Content-Type: multipart/mixed; boundary=b charset=utf-8\r\n\r\n" PART, EG_MIME_8BIT, NULL },
    { "a multipart with a charset twice",
      "Content-Type: multipart/mixed; charset=a; boundary=b; charset=a\r\n\r\n" PART, EG_MIME_FITS,
      "Content-Type: multipart/mixed; charset=a; boundary=b; charset=a\r\n\r\n--b\r\n" TEXT QP
      "\r\nx =C3=BC y z\r\n--b--\r\n" },
    { "signed with a boundary twice", "Content-Type: multipart/signed; boundary=b; boundary=b\r\n\r\n" PART,
      EG_MIME_8BIT, NULL },
    { "a mail enclosed with a name without quotes",
      MIXED("") "--b\r\nContent-Type: message/rfc822; name=Re Hello.eml\r\n\r\nX: y\r\n\r\n" UE
                "\r\n--b--\r\n",
      EG_MIME_8BIT, NULL },
    { "a multipart within whose type stands twice",
      MIXED("") "--b\r\nContent-Type: multipart/mixed; boundary=c\r\nContent-Type: multipart/mixed; "
                "boundary=c\r\n\r\n--c\r\n" TEXT "\r\n" UE "\r\n--c--\r\n--b--\r\n",
      EG_MIME_8BIT, NULL },
    { "octets with a name without quotes", "Content-Type: application/pdf; name=my bill.pdf\r\n\r\n" UE,
      EG_MIME_FITS, "Content-Type: application/pdf; name=my bill.pdf\r\n" B64 "\r\nw7w=" },
    { "broken", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" UE "\r\n", EG_MIME_8BIT,
      NULL },
};

static eg_mimefault fit(eg_bytes *made, eg_bytes bytes, apr_pool_t *pool)
{
    const char *problem;
    eg_mimefault fault;
    eg_rawmail mail;
    eg_edits edits;

    assert_int_equal(eg_rawmail_parse(&mail, &problem, bytes, pool), APR_SUCCESS);
    eg_edits_init(&edits, bytes.data, bytes.size, pool);
    fault = eg_rawwire_fit(&edits, &mail, pool);
    if (fault == EG_MIME_FITS) {
        *made = eg_edits_make(&edits, pool);
    }
    return fault;
}

static void fits_or_says_what_does_not(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_bytes bytes = { cases[i].mail, strlen(cases[i].mail) }, made;

        print_message("# %s\n", cases[i].what);
        assert_int_equal(fit(&made, bytes, *state), cases[i].fault);
        if (cases[i].fault == EG_MIME_FITS) {
            assert_string_equal(apr_pstrmemdup(*state, made.data, made.size), cases[i].fitted);
        }
    }
}

static void knows_long_lines_and_nuls(void **state)
{
    char line[1100];
    eg_bytes made;

    memset(line, 'x', sizeof line);
    memcpy(line, "X: y\r\n\r\n", 8);
    assert_int_equal(fit(&made, (eg_bytes){ line, 8 + 998 }, *state), EG_MIME_FITS);
    assert_int_equal(made.size, 8 + 998);
    assert_int_equal(fit(&made, (eg_bytes){ line, 8 + 999 }, *state), EG_MIME_FITS);
    assert_true(made.size > 8 + 999);
    assert_true(strstr(made.data, QP) != NULL);
    memcpy(line, "Content-Type: message/rfc822\r\n\r\n", 32);
    assert_int_equal(fit(&made, (eg_bytes){ line, 32 + 999 }, *state), EG_MIME_LONG);

    assert_int_equal(fit(&made, (eg_bytes){ "X: y\r\n\r\na\0b\r\n", 13 }, *state), EG_MIME_FITS);
    assert_string_equal(made.data, "X: y\r\n" TEXT B64 "\r\nYQBiDQo=");
}

/* ---- the encodings --------------------------------------------------------------------------------- */

static void come_back(eg_bytes content, apr_pool_t *pool)
{
    static const eg_rawcode codes[] = { EG_RAW_QUOTED_PRINTABLE, EG_RAW_BASE64 };

    for (int i = 0; i < 2; i++) {
        const char *text = eg_mimecode_encode(content, codes[i], pool);
        eg_bytes decoded;

        assert_int_equal(eg_mimecode_check((eg_bytes){ text, strlen(text) }), EG_MIME_FITS);
        for (const char *line = text; *line; line += strcspn(line, "\r") + (strchr(line, '\r') ? 2 : 0)) {
            assert_true(strcspn(line, "\r") <= 76);
        }
        assert_int_equal(eg_mimecode_decode(&decoded, (eg_bytes){ text, strlen(text) }, codes[i], pool), 0);
        assert_int_equal(decoded.size, content.size);
        assert_memory_equal(decoded.data, content.data, content.size);
    }
}

static void encodes_what_it_decodes(void **state)
{
    static const char *const texts[] = { "",    " ", "\t\r\n", "x \r\n \r\n", "=\r\n", "a\rb\nc\r\r\n\n",
                                         "=20", "." };
    char all[4000];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        come_back((eg_bytes){ texts[i], strlen(texts[i]) }, *state);
    }
    for (unsigned i = 0; i < sizeof all; i++) {
        all[i] = (char)(i * 7 + i / 256);
    }
    for (apr_size_t size = 1; size < sizeof all; size += 13) {
        come_back((eg_bytes){ all + size % 100, size < 3900 ? size : 3900 }, *state);
    }
}

static void decodes_what_others_write(void **state)
{
    static const struct {
        const char *text, *content;
    } texts[] = {
        { "a=3db=3D", "a=b=" }, { "a= \t\r\nb", "ab" }, { "a \t\r\nb \t", "a\r\nb" }, { "a \t b", "a \t b" },
        { "= = \r\nb", "= b" }, { "a=", "a" },          { "a=xyb=f", "a=xyb=f" },     { "a=\r\n=\r\n", "a" },
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        eg_bytes content;

        assert_int_equal(eg_mimecode_decode(&content, (eg_bytes){ texts[i].text, strlen(texts[i].text) },
                                            EG_RAW_QUOTED_PRINTABLE, *state),
                         APR_SUCCESS);
        assert_string_equal(apr_pstrmemdup(*state, content.data, content.size), texts[i].content);
    }
}

/* A mail has many megabytes of them: each may be looked at a few times, and no more. */
static void decodes_many_blanks_at_once(void **state)
{
    enum { SIZE = 400000 };
    char *text = apr_palloc(*state, SIZE);
    clock_t start = clock();
    eg_bytes content;

    memset(text, ' ', SIZE);
    text[SIZE - 1] = '.';
    assert_int_equal(eg_mimecode_decode(&content, (eg_bytes){ text, SIZE }, EG_RAW_QUOTED_PRINTABLE, *state),
                     APR_SUCCESS);
    assert_int_equal(content.size, SIZE);
    assert_memory_equal(content.data, text, SIZE);
    assert_true(clock() - start < CLOCKS_PER_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(fits_or_says_what_does_not),  EG_TEST(knows_long_lines_and_nuls),
        EG_TEST(encodes_what_it_decodes),     EG_TEST(decodes_what_others_write),
        EG_TEST(decodes_many_blanks_at_once),
    };

    return EG_TEST_RUN(tests);
}
