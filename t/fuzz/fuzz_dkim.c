/*
 * DKIM: whatever the bytes, relaxed ones come out, and relaxing them again changes nothing; the
 * signature of any message is one field of short lines that names each field once more than it is there.
 */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "dkim.h"
#include "lineends.h"
#include "target.h"

static void collect(void *baton, const char *data, apr_size_t size)
{
    egs_text_add(baton, data, size);
}

static egs_text relax_body(const void *data, size_t size, apr_pool_t *pool)
{
    egs_text relaxed;

    egs_text_init(&relaxed, size + 2, pool);
    egs_dkim_relax_body((eg_bytes){ data, size }, collect, &relaxed);
    return relaxed;
}

static egs_text relax_field(const char *data, size_t size, apr_pool_t *pool)
{
    egs_text relaxed;

    egs_text_init(&relaxed, size, pool);
    egs_dkim_relax_field(&relaxed, data, size);
    return relaxed;
}

static int is_white(char c)
{
    return c == ' ' || c == '\t';
}

/* One blank at most, none before a line end; lines, the last of which is not empty. */
static void check_body(const egs_text *body, size_t size)
{
    must(body->length <= size + 2);
    must(!body->length || (body->length > 2 && !memcmp(body->data + body->length - 2, "\r\n", 2)));
    must(body->length < 4 || memcmp(body->data + body->length - 4, "\r\n\r\n", 4) != 0);
    for (size_t i = 0; i < body->length; i++) {
        must(body->data[i] != '\t');
        must(body->data[i] != ' ' ||
             (!is_white(body->data[i + 1]) && memcmp(body->data + i + 1, "\r\n", 2) != 0));
    }
}

/* Its value is one line with one blank at most between words. */
static void check_field(const egs_text *field, apr_pool_t *pool)
{
    const char *value = memchr(field->data, ':', field->length), *end = field->data + field->length;
    egs_text again = relax_field(field->data, field->length, pool);

    if (!value) {
        return;
    }
    must(again.length == field->length && !memcmp(again.data, field->data, field->length));
    must(!memmem(value, (size_t)(end - value), "\r\n", 2));
    for (; value + 1 < end; value++) {
        must(!is_white(value[0]) || !is_white(value[1]));
    }
}

/* Made once, for it takes as long as thousands of inputs. */
static EVP_PKEY *pair_of(void)
{
    static EVP_PKEY *pair;

    if (!pair) {
        pair = EVP_RSA_gen(1024);
    }
    return pair;
}

/* How often a name is in the list of the signature, letter case ignored. */
static int count_listed(const char *signature, const char *name, apr_pool_t *pool)
{
    char *list = apr_pstrdup(pool, strstr(signature, " h=") + 3), *last;
    int count = 0;

    list[strcspn(list, ";")] = '\0';
    for (char *at = apr_strtok(list, ":\r\n ", &last); at; at = apr_strtok(NULL, ":\r\n ", &last)) {
        count += strcasecmp(at, name) == 0;
    }
    return count;
}

static int count_there(const char *message, const char *name)
{
    const char *line = message;
    int count = 0;

    while (line != NULL && *line != '\0' && *line != '\r') {
        count += strncasecmp(line, name, strlen(name)) == 0 &&
                 line[strlen(name) + strspn(line + strlen(name), " \t")] == ':';
        line = strstr(line, "\r\n");
        line = line != NULL ? line + 2 : NULL;
    }
    return count;
}

/* v, a, c, d, s, t, h, bh, b. */
static int count_tags(const char *signature)
{
    int count = 1;

    for (const char *at = signature; (at = strchr(at, ';')) != NULL; at++) {
        count++;
    }
    return count;
}

static void check_signature(const egs_text *signature, const char *message, apr_pool_t *pool)
{
    static const char *const names[] = { "From", "To", "Subject", "Content-Type", "List-Unsubscribe" };

    must(!strncmp(signature->data, "DKIM-Signature: ", 16) && signature->length > 18);
    must(count_tags(signature->data) == 9);
    for (const char *line = signature->data, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        must(end && end > line && (line == signature->data || is_white(*line)));
        must(end - line <= 78 || strcspn(line + 1, ":;\r") + 2 >= (size_t)(end - line)); /* a long name */
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        must(count_listed(signature->data, names[i], pool) == count_there(message, names[i]) + 1);
    }
}

static void sign(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    const char *message = apr_pstrmemdup(pool, (const char *)data, size);
    const egs_dkim_signer signer = { "example.com", "s1", pair_of() };
    egs_text signature;

    egs_text_init(&signature, 0, pool);
    must(egs_dkim_sign(&signature, &signer, (eg_bytes){ message, size }, apr_time_from_sec(1800000000)) ==
         APR_SUCCESS);
    check_signature(&signature, message, pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    egs_text body, again, field;
    eg_bytes lines;
    apr_pool_t *pool;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);

    body = relax_body(data, size, pool);
    check_body(&body, size);
    again = relax_body(body.data, body.length, pool);
    must(again.length == body.length && !memcmp(again.data, body.data, body.length));

    lines = lineends_of(data, size, pool); /* no field has a CR or LF alone */
    field = relax_field(lines.data, lines.size, pool);
    must(field.length <= lines.size);
    check_field(&field, pool);
    if (!memchr(data, '\0', size)) {
        sign(data, size, pool);
    }

    apr_pool_destroy(pool);
    return 0;
}
