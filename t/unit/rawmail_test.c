/* eg_rawmail_parse: RFC 5322 section 2.2, RFC 2046 section 5.1. */
#include "testpool.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "edits.h"
#include "mimecode.h"
#include "rawmail.h"
#include "rawwire.h"

#define TEXT "Content-Type: text/plain; charset=utf-8\r\n\r\ntext\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define PART "--b\r\n" TEXT "--b--\r\n"

/* "mixed(plain,html)": F fixed, A attachment, ? of no readable type. */
static const struct {
    const char *what, *mail, *shape; /* NULL: refused */
} cases[] = {
    { "no type", "Subject: x\r\n\r\nbody\r\n", "text/plain" },
    { "no body", "Subject: x\r\n", "text/plain" },
    { "nothing behind the empty line", "Subject: x\r\n\r\n", "text/plain" },
    { "folded", "Subject: x\r\n y\r\nContent-Type:\r\n text/HTML\r\n\r\n", "text/html" },
    { "blanks before the colon", "Subject : x\r\nContent-Type\t: text/html\r\n\r\n", "text/html" },
    { "comments", "Content-Type: (a (b) \\)) text/html (c) ; (d) charset=(e)\"utf-8\"\r\n\r\n", "text/html" },
    { "nothing", "", NULL },
    { "no header", "\r\nbody\r\n", NULL },
    { "a line that is no field", "Subject: x\r\nbody\r\n\r\n", NULL },
    { "a mailbox's line", "From ann Mon Jan 1\r\nSubject: x\r\n\r\n", NULL },
    { "no name", ": x\r\n\r\n", NULL },
    { "a blank in a name", "Sub ject: x\r\n\r\n", NULL },
    { "a name that is not ASCII", "S\xc3\xbc: x\r\n\r\n", NULL },
    { "a CR in a field", "Subject: x\ry\r\n\r\n", NULL },
    { "a LF alone", "Subject: x\nFrom: y\r\n\r\n", NULL },
    { "a field without an end", "Subject: x", "text/plain" },
    { "a CR at the end of all", "Subject: x\r", NULL },
    { "a fold first", " x: y\r\n\r\n", NULL },
    { "type is no type", "Content-Type: text\r\n\r\n", "?" },
    { "type with rubbish", "Content-Type: text/html rubbish\r\n\r\n", "?" },
    { "type twice", "Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n", "? F" },
    { "a comment without an end", "Content-Type: (text/html\r\n\r\n", "? F" },
    { "no word", "Content-Type: ;\r\n\r\n", "? F" },
    { "two charsets", "Content-Type: text/html; charset=a; charset=b\r\n\r\n", "?" },
    { "a charset twice", "Content-Type: text/html; charset=a; CHARSET=\"a\"\r\n\r\n", "text/html" },
    { "a name without quotes", "Content-Type: application/pdf; name=my bill.pdf\r\n\r\n", "?" },
    { "unknown encoding", "Content-Transfer-Encoding: x-uuencode\r\n\r\n", "text/plain F" },
    { "encoding twice", "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
      "text/plain F" },
    { "attachment", "Content-Disposition: attachment\r\n\r\n", "text/plain A" },
    { "inline", "Content-Disposition: inline\r\n\r\n", "text/plain" },
    { "a disposition of its own is an attachment's", "Content-Disposition: x\r\n\r\n", "text/plain A" },
    { "the name of a file", "Content-Disposition: inline; filename*0*=a\r\n\r\n", "text/plain A" },
    { "a name", "Content-Type: text/plain; name=\"a.txt\"\r\n\r\n", "text/plain A" },
    { "two parts", MIXED "--b\r\n" TEXT "--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n",
      "multipart/mixed(text/plain,text/html)" },
    { "a part without a header", MIXED "--b\r\n\r\ntext\r\n--b--\r\n", "multipart/mixed(text/plain)" },
    { "an empty part", MIXED "--b\r\n--b--\r\n", "multipart/mixed(text/plain)" },
    { "no line end behind the last boundary", MIXED "--b\r\n" TEXT "--b--", "multipart/mixed(text/plain)" },
    { "blanks behind boundaries", MIXED "--b \t\r\n" TEXT "--b-- \r\n", "multipart/mixed(text/plain)" },
    { "the outer boundary begins the inner one",
      MIXED "--b\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n" TEXT
            "--bb--\r\n--b\r\n" TEXT "--b--\r\n",
      "multipart/mixed(multipart/alternative(text/plain),text/plain)" },
    { "a quoted boundary",
      "Content-Type: multipart/mixed; boundary=\"a b\\\"c\"\r\n\r\n--a b\"c\r\n" TEXT "--a b\"c--\r\n",
      "multipart/mixed(text/plain)" },
    { "no boundary", "Content-Type: multipart/mixed\r\n\r\n--b\r\n" TEXT "--b--\r\n", "multipart/mixed F" },
    { "an empty boundary", "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n" TEXT "----\r\n",
      "multipart/mixed F" },
    { "the boundary is nowhere", MIXED "text\r\n", "multipart/mixed F" },
    { "no end", MIXED "--b\r\n" TEXT, "multipart/mixed F" },
    { "an end alone", MIXED "--b--\r\n", "multipart/mixed F" },
    { "an inner multipart without an end spoils all",
      MIXED "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n" TEXT "--b--\r\n",
      "multipart/mixed F" },
    { "a part's header is none", MIXED "--b\r\ntext\r\n--b--\r\n", "multipart/mixed F" },
    { "an encoded multipart", "Content-Transfer-Encoding: base64\r\n" MIXED "--b\r\n" TEXT "--b--\r\n",
      "multipart/mixed F" },
    { "a digest",
      "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nX: y\r\n\r\nz\r\n--b\r\n" TEXT
      "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nz\r\n--c--\r\n--b--\r\n",
      "multipart/digest(message/rfc822 F,text/plain,multipart/mixed(text/plain))" },
    { "a semicolon less", "Content-Type: multipart/mixed; boundary=\"b\" charset=utf-8\r\n\r\n" PART, "? F" },
    { "blanks in a multipart's type", "Content-Type: Multipart / mixed; boundary=b\r\n\r\n" PART, "? F" },
    { "half a multipart's type", "Content-Type: multipart; boundary=b\r\n\r\n" PART, "? F" },
    { "two boundaries", "Content-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n" PART, "? F" },
    { "a boundary and a charset twice",
      "Content-Type: multipart/mixed; charset=a; boundary=b; charset=a; boundary=\"b\"\r\n\r\n" PART,
      "multipart/mixed(text/plain)" },
    { "signed, and a boundary twice",
      "Content-Type: multipart/signed; boundary=\"b\"; boundary=\"b\"\r\n\r\n" PART, "multipart/signed F" },
    { "a mail with a name without quotes",
      MIXED "--b\r\nContent-Type: message/rfc822; name=Re Hello.eml\r\n\r\nX: y\r\n\r\n--b--\r\n",
      "multipart/mixed(? F)" },
    { "a multipart within whose type stands twice",
      MIXED
      "--b\r\nContent-Type: multipart/mixed; boundary=c\r\nContent-Type: multipart/mixed; boundary=c\r\n"
      "\r\n--c\r\n" TEXT "--c--\r\n--b--\r\n",
      "multipart/mixed(? F)" },
    { "signed", "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT "--b--\r\n",
      "multipart/signed F" },
    { "signed within",
      MIXED "--b\r\nContent-Type: Multipart/Encrypted; boundary=c\r\n\r\n--c\r\n" TEXT
            "--c--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n--b--\r\n",
      "multipart/mixed(multipart/encrypted F,message/rfc822 F)" },
};

static void show_part(char *shape, const eg_rawmail *mail, int *i)
{
    const eg_rawpart *part = eg_rawmail_part(mail, (*i)++);
    int first = 1;

    strcat(shape, *part->type ? part->type : "?");
    strcat(shape, part->is_fixed ? " F" : "");
    strcat(shape, part->is_attachment && !part->is_fixed && *part->type ? " A" : "");
    while (part->is_multipart && *i < mail->parts->nelts && eg_rawmail_part(mail, *i)->end <= part->end) {
        strcat(shape, first ? "(" : ",");
        first = 0;
        show_part(shape, mail, i);
    }
    strcat(shape, part->is_multipart ? ")" : "");
}

static void takes_apart_or_refuses(void **state)
{
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        eg_bytes bytes = { cases[n].mail, strlen(cases[n].mail) };
        char shape[1000] = "";
        const char *problem;
        eg_rawmail mail;
        int i = 0;

        print_message("# %s\n", cases[n].what);
        if (eg_rawmail_parse(&mail, &problem, bytes, *state) != APR_SUCCESS) {
            assert_null(cases[n].shape);
            assert_true(strlen(problem) > 5);
            continue;
        }
        show_part(shape, &mail, &i);
        assert_string_equal(shape, cases[n].shape ? cases[n].shape : "(to be refused)");
        assert_int_equal(i, mail.parts->nelts);
    }
}

static void finds_fields_and_bodies(void **state)
{
    static const char text[] = "Received: a\r\nSubject:  x\r\n\ty \r\nX-EG-Tags: t\r\n" MIXED
                               "before\r\n--b\r\n\r\none\r\n\r\n--b\r\nX: y\r\n\r\n--b--\r\nbehind\r\n";
    const char *problem;
    eg_rawmail mail;
    const eg_rawpart *part;

    assert_int_equal(eg_rawmail_parse(&mail, &problem, (eg_bytes){ text, strlen(text) }, *state),
                     APR_SUCCESS);
    part = eg_rawmail_part(&mail, 0);
    assert_int_equal(part->fields->nelts, 4);
    assert_string_equal(eg_rawfield_value(&mail, eg_rawpart_find(&mail, part, "sUBJECT"), *state), "x\ty");
    assert_null(eg_rawpart_find(&mail, part, "Subj"));
    assert_int_equal(eg_rawpart_count(&mail, part, "x-eg-*"), 1);
    assert_int_equal(eg_rawpart_count(&mail, part, "x-eg-tagsies*"), 0);
    part = eg_rawmail_part(&mail, 1);
    assert_memory_equal(text + part->body, "one\r\n", part->end - part->body);
    assert_int_equal(part->end - part->body, 5); /* the line end before a boundary is the boundary's */
    part = eg_rawmail_part(&mail, 2);
    assert_int_equal(part->end - part->body, 0);
    assert_memory_equal(text + part->header_end, "\r\n--b--", 7);
}

/* count times the pieces one behind the other */
static eg_bytes repeat(const char *before, const char *piece, int count, const char *behind, apr_pool_t *pool)
{
    apr_size_t length = strlen(piece), size = strlen(before);
    char *text = apr_palloc(pool, size + length * (apr_size_t)count + strlen(behind) + 1);

    memcpy(text, before, size);
    for (int i = 0; i < count; i++) {
        memcpy(text + size, piece, length);
        size += length;
    }
    strcpy(text + size, behind);
    return (eg_bytes){ text, size + strlen(behind) };
}

static apr_status_t parse(eg_rawmail *mail, eg_bytes bytes, apr_pool_t *pool)
{
    const char *problem;

    return eg_rawmail_parse(mail, &problem, bytes, pool);
}

static void refuses_a_nul_in_a_header(void **state)
{
    eg_rawmail mail;

    assert_int_not_equal(parse(&mail, (eg_bytes){ "X: a\0b\r\n\r\n", 11 }, *state), APR_SUCCESS);
    assert_int_equal(parse(&mail, (eg_bytes){ "X: a\r\n\r\nb\0", 10 }, *state), APR_SUCCESS);
}

static void keeps_its_bounds(void **state)
{
    eg_rawmail mail;
    char nested[40000] = "";

    assert_int_equal(parse(&mail, repeat("", "X: y\r\n", EG_RAW_FIELDS_MAX, "\r\n", *state), *state), 0);
    assert_int_not_equal(parse(&mail, repeat("", "X: y\r\n", EG_RAW_FIELDS_MAX + 1, "\r\n", *state), *state),
                         0);
    assert_int_equal(parse(&mail, repeat("X:", " y\r\n", EG_RAW_HEADER_MAX / 4 - 1, "\r\n", *state), *state),
                     0);
    assert_int_not_equal(parse(&mail, repeat("X:", " y\r\n", EG_RAW_HEADER_MAX / 4, "\r\n", *state), *state),
                         0);

    assert_int_equal(
        parse(&mail, repeat(MIXED, "--b\r\n\r\nx\r\n", EG_RAW_PARTS_MAX - 1, "--b--\r\n", *state), *state),
        0);
    assert_int_equal(mail.parts->nelts, EG_RAW_PARTS_MAX);
    assert_int_equal(
        parse(&mail, repeat(MIXED, "--b\r\n\r\nx\r\n", EG_RAW_PARTS_MAX, "--b--\r\n", *state), *state), 0);
    assert_int_equal(mail.parts->nelts, 1);
    assert_true(eg_rawmail_part(&mail, 0)->is_fixed);

    for (int depth = 0; depth <= EG_RAW_DEPTH_MAX + 1; depth++) {
        char *inner = apr_pstrcat(*state, depth ? nested : "\r\nx\r\n", NULL);

        snprintf(nested, sizeof nested,
                 "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n%s\r\n--b%d--\r\n", depth,
                 depth, inner, depth);
        assert_int_equal(parse(&mail, (eg_bytes){ nested, strlen(nested) }, *state), 0);
        assert_int_equal(mail.parts->nelts, depth < EG_RAW_DEPTH_MAX ? depth + 2 : 1);
    }
}

/* ---- mails of others ------------------------------------------------------------------------------ */

/* A file with CRLF at the ends of its lines. */
static eg_bytes read_mail(const char *path, apr_pool_t *pool)
{
    FILE *file = fopen(path, "rb");
    char *text = apr_palloc(pool, 2000000);
    apr_size_t size = 0;

    assert_non_null(file);
    for (int c, last = 0; (c = getc(file)) != EOF; last = c) {
        if (c == '\n' && last != '\r') {
            text[size++] = '\r';
        }
        text[size++] = (char)c;
        assert_true(size < 1900000);
    }
    fclose(file);
    return (eg_bytes){ text, size };
}

/* Parts that are as they were are found again with all their bytes, and those that are not stand for the same. */
static void compare(const eg_rawmail *before, const eg_rawmail *after, apr_pool_t *pool)
{
    assert_int_equal(before->parts->nelts, after->parts->nelts);
    for (int i = 0; i < before->parts->nelts; i++) {
        const eg_rawpart *old = eg_rawmail_part(before, i), *new = eg_rawmail_part(after, i);
        eg_bytes a = eg_rawmail_range(before, old->body, old->end),
                 b = eg_rawmail_range(after, new->body, new->end);

        assert_int_equal(eg_mimecode_check(b), EG_MIME_FITS);
        if (eg_mimecode_check(a) != EG_MIME_FITS && !old->is_multipart) {
            assert_int_equal(eg_mimecode_decode(&a, a, old->code, pool), APR_SUCCESS);
            assert_int_equal(eg_mimecode_decode(&b, b, new->code, pool), APR_SUCCESS);
        }
        if (!old->is_multipart) {
            assert_int_equal(a.size, b.size);
            assert_memory_equal(a.data, b.data, a.size);
        }
    }
}

static void look_at(const char *path, int *whole, apr_pool_t *pool)
{
    eg_rawmail mail, fitted;
    eg_bytes bytes = read_mail(path, pool), made;
    eg_edits edits;

    if (parse(&mail, bytes, pool) != APR_SUCCESS) {
        return;
    }
    *whole += eg_rawmail_part(&mail, 0)->is_multipart || !eg_rawmail_part(&mail, 0)->is_fixed;
    eg_edits_init(&edits, bytes.data, bytes.size, pool);
    if (eg_rawwire_fit(&edits, &mail, pool) == EG_MIME_FITS) {
        made = eg_edits_make(&edits, pool);
        assert_int_equal(parse(&fitted, made, pool), APR_SUCCESS);
        compare(&mail, &fitted, pool);
    }
}

static void reads_mails_of_others(void **state)
{
    static const char *const folders[] = { "rfc", "malformed" };
    const char *corpora = getenv("EG_CORPORA");
    int seen = 0, whole = 0;

    for (size_t i = 0; corpora && i < sizeof folders / sizeof *folders; i++) {
        const char *folder = apr_pstrcat(*state, corpora, "/mime-mail-parser/", folders[i], NULL);
        DIR *dir = opendir(folder);

        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
            if (strstr(entry->d_name, ".eml")) {
                look_at(apr_pstrcat(*state, folder, "/", entry->d_name, NULL), &whole, *state);
                seen++;
            }
        }
        closedir(dir);
    }
    print_message(corpora ? "# %d mails, %d of them whole\n" : "# ran without EG_CORPORA\n", seen, whole);
    assert_true(!corpora || (seen > 20 && whole > 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(takes_apart_or_refuses), EG_TEST(finds_fields_and_bodies), EG_TEST(refuses_a_nul_in_a_header),
        EG_TEST(keeps_its_bounds),       EG_TEST(reads_mails_of_others),
    };

    return EG_TEST_RUN(tests);
}
