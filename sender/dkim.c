/*
 * DKIM signatures (RFC 6376).
 */
#include <apr_strings.h>
#include <apr_tables.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "dkim.h"

#define LINE_MAX_COLUMNS 78 /* RFC 5322 section 2.1.1: should */
#define HASH_SIZE 32        /* bytes of SHA-256 */
#define BASE64_SIZE(n) (4 * (((n) + 2) / 3))

/* Named in every signature, whether they are there or not. */
static const char *const signed_names[] = {
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Feedback-ID",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
};
#define SIGNED_NAMES (sizeof signed_names / sizeof *signed_names)

typedef struct {
    const char *text;
    apr_size_t length; /* without the CRLF at its end */
    apr_size_t name;   /* bytes of its name */
} header_field;

typedef struct {
    const header_field *fields;
    int count;
    eg_bytes body;
} split_message;

/* ---- the message taken apart ------------------------------------------------------------ */

/* Bytes of a field's name: readers pass over blanks before the colon (RFC 5322 section 4.5). 0: it has none. */
static apr_size_t name_length(const char *text, apr_size_t length)
{
    const char *colon = memchr(text, ':', length);

    length = colon ? (apr_size_t)(colon - text) : 0;
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    return length;
}

/* The end of the field at text: the CRLF that no white space follows, or the end of all. */
static const char *find_field_end(const char *text, const char *end)
{
    const char *at = text;

    while ((at = memchr(at, '\r', (apr_size_t)(end - at)))) {
        if (end - at >= 2 && at[1] == '\n' && (end - at == 2 || (at[2] != ' ' && at[2] != '\t'))) {
            return at;
        }
        at++;
    }
    return end;
}

static split_message split(eg_bytes message, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 24, sizeof(header_field));
    const char *at = message.data, *end = at + message.size;

    while (at < end && *at != '\r') {
        const char *stop = find_field_end(at, end);
        apr_size_t length = (apr_size_t)(stop - at);

        APR_ARRAY_PUSH(fields, header_field) = (header_field){ at, length, name_length(at, length) };
        at = end - stop > 2 ? stop + 2 : end;
    }
    at += end - at >= 2 ? 2 : end - at; /* the empty line */
    return (
        split_message){ (const header_field *)fields->elts, fields->nelts, { at, (apr_size_t)(end - at) } };
}

static int is_named(const header_field *field, const char *name, apr_size_t length)
{
    return field->name == length && !strncasecmp(field->text, name, length);
}

/* Printable ASCII without a semicolon, which would end the list of names (section 3.5). */
static int can_be_listed(const header_field *field)
{
    for (apr_size_t i = 0; i < field->name; i++) {
        if (field->text[i] <= ' ' || field->text[i] >= 0x7f || field->text[i] == ';') {
            return 0;
        }
    }
    return 1;
}

/* A Content- field that is not in signed_names, at its first appearance. */
static int is_another_content_field(const split_message *m, int place)
{
    const header_field *field = &m->fields[place];

    if (field->name < 8 || strncasecmp(field->text, "Content-", 8) != 0 || !can_be_listed(field)) {
        return 0;
    }
    for (size_t i = 0; i < SIGNED_NAMES; i++) {
        if (is_named(field, signed_names[i], strlen(signed_names[i]))) {
            return 0;
        }
    }
    for (int i = 0; i < place; i++) {
        if (is_named(&m->fields[i], field->text, field->name)) {
            return 0;
        }
    }
    return 1;
}

/* ---- the field under construction ---------------------------------------------------------- */

typedef struct {
    egs_text *text;
    apr_size_t column;
} writer;

static void fold(writer *w)
{
    egs_text_puts(w->text, "\r\n ");
    w->column = 1;
}

static void put(writer *w, const char *data, apr_size_t length)
{
    egs_text_add(w->text, data, length);
    w->column += length;
}

/* A name of h= in one piece, in the next line where this one has no room for it and what stands behind it. */
static void put_listed(writer *w, const char *data, apr_size_t length)
{
    if (w->column + length >= LINE_MAX_COLUMNS) {
        fold(w);
    }
    put(w, data, length);
}

/* " d=example.com;" */
static void put_tag(writer *w, const char *tag, const char *value, apr_pool_t *pool)
{
    const char *all = apr_pstrcat(pool, " ", tag, value, ";", NULL);
    int folded = w->column + strlen(all) > LINE_MAX_COLUMNS;

    if (folded) {
        fold(w);
    }
    put(w, all + folded, strlen(all + folded));
}

/* Base64, which may be broken anywhere. */
static void put_base64(writer *w, const unsigned char *data, apr_size_t size, apr_pool_t *pool)
{
    unsigned char *text = apr_palloc(pool, BASE64_SIZE(size) + 1);
    apr_size_t length = (apr_size_t)EVP_EncodeBlock(text, data, (int)size);

    for (apr_size_t done = 0; done < length;) {
        apr_size_t room = LINE_MAX_COLUMNS > w->column ? LINE_MAX_COLUMNS - w->column : 0;
        apr_size_t piece = length - done < room ? length - done : room;

        put(w, (const char *)text + done, piece);
        done += piece;
        if (done < length) {
            fold(w);
        }
    }
}

/* ---- what is signed -------------------------------------------------------------------------- */

/*
 * One name of h=, for each of its fields and once more, and the fields into
 * what is signed: the last one of a name comes first (section 5.4.2).
 */
static void sign_name(writer *w, egs_text *input, const split_message *m, const char *name, apr_size_t length)
{
    for (int i = m->count - 1; i >= 0; i--) {
        if (is_named(&m->fields[i], name, length)) {
            put_listed(w, name, length);
            put(w, ":", 1);
            egs_dkim_relax_field(input, m->fields[i].text, m->fields[i].length);
            egs_text_puts(input, "\r\n");
        }
    }
    put_listed(w, name, length);
}

/* h=, and the fields that it names. */
static void sign_fields(writer *w, egs_text *input, const split_message *m)
{
    fold(w);
    put(w, "h=", 2);
    for (size_t i = 0; i < SIGNED_NAMES; i++) {
        put(w, ":", i > 0);
        sign_name(w, input, m, signed_names[i], strlen(signed_names[i]));
    }
    for (int i = 0; i < m->count; i++) {
        if (is_another_content_field(m, i)) {
            put(w, ":", 1);
            sign_name(w, input, m, m->fields[i].text, m->fields[i].name);
        }
    }
    put(w, ";", 1);
}

static void add_to_hash(void *baton, const char *data, apr_size_t size)
{
    EVP_DigestUpdate(baton, data, size);
}

static apr_status_t hash_body(unsigned char hash[HASH_SIZE], eg_bytes body)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    apr_status_t rv = APR_EGENERAL;

    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1) {
        egs_dkim_relax_body(body, add_to_hash, context);
        rv = EVP_DigestFinal_ex(context, hash, NULL) == 1 ? APR_SUCCESS : APR_EGENERAL;
    }
    EVP_MD_CTX_free(context);
    return rv;
}

static apr_status_t make_signature(unsigned char **signature, apr_size_t *size, const egs_text *input,
                                   EVP_PKEY *pair, apr_pool_t *pool)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    apr_status_t rv = APR_EGENERAL;

    *size = (apr_size_t)EVP_PKEY_get_size(pair);
    *signature = apr_palloc(pool, *size + 1);
    if (context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair) == 1 &&
        EVP_DigestSign(context, *signature, size, (const unsigned char *)input->data, input->length) == 1) {
        rv = APR_SUCCESS;
    }
    EVP_MD_CTX_free(context);
    return rv;
}

apr_status_t egs_dkim_sign(egs_text *field, const egs_dkim_signer *signer, eg_bytes message, apr_time_t now)
{
    static const char name[] = "DKIM-Signature:";
    apr_pool_t *pool = field->pool;
    split_message m = split(message, pool);
    apr_size_t begin = field->length, size;
    unsigned char hash[HASH_SIZE], *signature;
    writer w = { field, 0 };
    egs_text input;
    apr_status_t rv = hash_body(hash, m.body);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    egs_text_init(&input, 2048, pool);
    put(&w, name, strlen(name));
    put_tag(&w, "v=", "1", pool);
    put_tag(&w, "a=", "rsa-sha256", pool);
    put_tag(&w, "c=", "relaxed/relaxed", pool);
    put_tag(&w, "d=", signer->domain, pool);
    put_tag(&w, "s=", signer->selector, pool);
    put_tag(&w, "t=", apr_psprintf(pool, "%" APR_TIME_T_FMT, apr_time_sec(now)), pool);
    sign_fields(&w, &input, &m);
    fold(&w);
    put(&w, "bh=", 3);
    put_base64(&w, hash, sizeof hash, pool);
    put(&w, ";", 1);
    fold(&w);
    put(&w, "b=", 2);
    egs_dkim_relax_field(&input, field->data + begin, field->length - begin);
    rv = make_signature(&signature, &size, &input, signer->pair, pool);
    if (rv == APR_SUCCESS) {
        put_base64(&w, signature, size, pool);
        egs_text_puts(field, "\r\n");
    }
    return rv;
}
