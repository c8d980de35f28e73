/* multipart/form-data to JSON (RFC 7578, boundaries as RFC 2046 section 5.1.1). */
#include "form.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>
#include <openssl/evp.h>

#include "formtree.h"
#include "utf8.h"

#define BOUNDARY_MAX 70      /* characters (RFC 2046 section 5.1.1) */
#define PART_HEADER_MAX 8192 /* bytes of one part's header */
#define FILE_TYPE_DEFAULT "application/octet-stream"

/* A piece of the body. */
typedef struct {
    const char *at;
    apr_size_t length;
} span;

/* What a part's header says. */
typedef struct {
    const char *name;
    const char *filename; /* NULL for a plain field */
    const char *type;     /* NULL where not given */
} part;

static apr_status_t complain(const char **problem, const char *sentence)
{
    *problem = sentence;
    return APR_EINVAL;
}

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \t");
}

/* A quoted string's value; moves *at behind its closing quote. NULL when it has none. */
static const char *unquote(const char **at, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, strlen(*at) + 1), *to = out;
    const char *from = *at + 1;

    for (; *from != '"'; from++) {
        if (*from == '\0') {
            return NULL;
        }
        /* Only these two are escaped in practice; others are the backslashes of a Windows path. */
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\')) {
            from++;
        }
        else if (strncmp(from, "%22", 3) == 0) {
            from += 2; /* how browsers write a quote */
            *to++ = '"';
            continue;
        }
        *to++ = *from;
    }
    *to = '\0';
    *at = from + 1;
    return out;
}

/*
 * The next "; name=value" of a header value. name is NULL at the end.
 * @return APR_EINVAL when it is neither
 */
static apr_status_t next_parameter(const char **name, const char **value, const char **at, apr_pool_t *pool)
{
    apr_size_t length;

    *at = skip_blank(*at);
    *name = NULL;
    if (**at == '\0') {
        return APR_SUCCESS;
    }
    if (**at != ';') {
        return APR_EINVAL;
    }
    *at = skip_blank(*at + 1);
    length = strcspn(*at, "=; \t\"");
    if (length == 0 && **at == '\0') {
        return APR_SUCCESS; /* a semicolon at the end */
    }
    if (length == 0 || (*at)[length] != '=') {
        return APR_EINVAL;
    }
    *name = apr_pstrmemdup(pool, *at, length);
    *at += length + 1;
    if (**at == '"') {
        *value = unquote(at, pool);
        return *value != NULL ? APR_SUCCESS : APR_EINVAL;
    }
    length = strcspn(*at, "; \t\"");
    *value = apr_pstrmemdup(pool, *at, length);
    *at += length;
    return APR_SUCCESS;
}

/* Does a header value begin with this word and then end or go on with parameters? Sets *rest behind it. */
static int begins_with(const char **rest, const char *value, const char *word)
{
    apr_size_t length = strlen(word);

    value = skip_blank(value);
    if (apr_cstr_casecmpn(value, word, length) != 0 || strchr("; \t", value[length]) == NULL) {
        return 0;
    }
    *rest = value + length;
    return 1;
}

/* RFC 2046: bcharsnospace, and spaces that are not the last. */
static int is_boundary(const char *text)
{
    apr_size_t length = strlen(text);

    return length > 0 && length <= BOUNDARY_MAX && text[length - 1] != ' ' &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ") ==
               length;
}

static apr_status_t find_boundary(const char **boundary, const char **problem, const char *content_type,
                                  apr_pool_t *pool)
{
    const char *at, *name, *value = NULL, *found = NULL;

    if (!begins_with(&at, content_type, "multipart/form-data")) {
        return complain(problem, "The Content-Type is not multipart/form-data");
    }
    do {
        if (next_parameter(&name, &value, &at, pool) != APR_SUCCESS) {
            return complain(problem, "The parameters of the Content-Type header are malformed");
        }
        if (name != NULL && apr_cstr_casecmp(name, "boundary") == 0) {
            if (found != NULL) {
                return complain(problem, "The Content-Type header gives more than one boundary");
            }
            found = value;
        }
    } while (name != NULL);
    if (found == NULL || !is_boundary(found)) {
        return complain(problem, "The Content-Type header gives no valid boundary");
    }
    *boundary = found;
    return APR_SUCCESS;
}

/* filename* (RFC 8187): UTF-8'language'percent-encoded. NULL when it is not that. */
static const char *decode_extended(const char *text, apr_pool_t *pool)
{
    const char *language_end;
    char *out;

    if (apr_cstr_casecmpn(text, "UTF-8'", 6) != 0 || (language_end = strchr(text + 6, '\'')) == NULL) {
        return NULL;
    }
    out = apr_pstrdup(pool, language_end + 1);
    for (char *from = out, *to = out;; from++, to++) {
        if (*from == '%') {
            const char digits[] = { from[1], from[1] != '\0' ? from[2] : '\0', '\0' };

            if (strspn(digits, "0123456789abcdefABCDEF") != 2 || strcmp(digits, "00") == 0) {
                return NULL;
            }
            *to = (char)strtol(digits, NULL, 16);
            from += 2;
        }
        else {
            *to = *from;
            if (*from == '\0') {
                return out;
            }
        }
    }
}

/* Content-Disposition: form-data; name="..."; filename="..." */
static apr_status_t read_disposition(part *read, const char **problem, const char *text, apr_pool_t *pool)
{
    const char *at, *name, *value = NULL, *plain = NULL, *extended = NULL;

    if (read->name != NULL || !begins_with(&at, text, "form-data")) {
        return complain(problem, "A part of the form has a Content-Disposition that is not one form-data");
    }
    for (;;) {
        const char **slot = NULL;

        if (next_parameter(&name, &value, &at, pool) != APR_SUCCESS) {
            return complain(problem, "A part of the form has a malformed Content-Disposition");
        }
        if (name == NULL) {
            break;
        }
        slot = apr_cstr_casecmp(name, "name") == 0        ? &read->name
               : apr_cstr_casecmp(name, "filename") == 0  ? &plain
               : apr_cstr_casecmp(name, "filename*") == 0 ? &extended
                                                          : NULL;
        if (slot != NULL && *slot != NULL) {
            return complain(problem, "A part of the form has a parameter of its Content-Disposition twice");
        }
        if (slot != NULL) {
            *slot = value;
        }
    }
    if (read->name == NULL) {
        return complain(problem, "A part of the form has no name in its Content-Disposition");
    }
    if (extended != NULL) {
        plain = decode_extended(extended, pool);
        if (plain == NULL || !eg_utf8_valid(plain, strlen(plain))) {
            return complain(problem,
                            "A part of the form has a filename* that is not in UTF-8 and percent-encoding");
        }
    }
    read->filename = plain;
    return APR_SUCCESS;
}

static apr_status_t read_header_line(part *read, const char **problem, char *line, apr_pool_t *pool)
{
    char *colon = strchr(line, ':');
    const char *value, *rest;

    if (colon == NULL || colon == line || strcspn(line, " \t") < (apr_size_t)(colon - line)) {
        return complain(problem, "A part of the form has a header line that is not \"Name: value\"");
    }
    *colon = '\0';
    value = skip_blank(colon + 1);
    if (apr_cstr_casecmp(line, "Content-Disposition") == 0) {
        return read_disposition(read, problem, value, pool);
    }
    if (apr_cstr_casecmp(line, "Content-Type") == 0) {
        read->type = value;
    }
    if (apr_cstr_casecmp(line, "Content-Transfer-Encoding") == 0 && !begins_with(&rest, value, "7bit") &&
        !begins_with(&rest, value, "8bit") && !begins_with(&rest, value, "binary")) {
        return complain(problem, "A part of the form is encoded: RFC 7578 wants it as it is (binary)");
    }
    return APR_SUCCESS;
}

/* Characters that no header may have: what is left of a line that was split badly, or a client's bug. */
static int is_clean(const char *text, apr_size_t length)
{
    for (apr_size_t at = 0; at < length;) {
        apr_uint32_t code;
        apr_size_t size = eg_utf8_next(&code, text + at, length - at);

        if (size == 0 || (code < ' ' && code != '\t') || code == 0x7F) {
            return 0;
        }
        at += size;
    }
    return 1;
}

/* A part's header lines. Moves body behind the empty line that ends them. */
static apr_status_t read_header(part *read, const char **problem, span *body, apr_pool_t *pool)
{
    for (apr_size_t total = 0;;) {
        apr_size_t window = body->length < PART_HEADER_MAX ? body->length : PART_HEADER_MAX;
        const char *end = memmem(body->at, window, "\r\n", 2);
        apr_size_t length = end != NULL ? (apr_size_t)(end - body->at) : 0;
        apr_status_t rv;

        total += length + 2;
        if (end == NULL || total > PART_HEADER_MAX) {
            return complain(problem, "A part of the form has a header that does not end, or is too long");
        }
        if (length > 0 && !is_clean(body->at, length)) {
            return complain(problem,
                            "A part of the form has control characters or invalid UTF-8 in its header");
        }
        if (length > 0) {
            rv = read_header_line(read, problem, apr_pstrmemdup(pool, body->at, length), pool);
            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        body->at += length + 2;
        body->length -= length + 2;
        if (length == 0) {
            return read->name != NULL ? APR_SUCCESS
                                      : complain(problem, "A part of the form has no Content-Disposition");
        }
    }
}

/* Content in base64, of which the pool keeps no second copy. */
static json_t *to_base64(span content)
{
    unsigned char *text = malloc(4 * ((content.length + 2) / 3) + 1);
    json_t *value = NULL;

    if (text != NULL) {
        /* The length fits an int: bodies end at EG_BODY_MAX_LIMIT. */
        int length = EVP_EncodeBlock(text, (const unsigned char *)content.at, (int)content.length);

        value = json_stringn_nocheck((const char *)text, (size_t)length);
        free(text);
    }
    return value;
}

static apr_status_t put_part(eg_formtree *tree, const char **problem, const part *read, span content,
                             apr_pool_t *pool)
{
    if (read->filename != NULL) {
        if (*read->filename == '\0' && content.length == 0) {
            return APR_SUCCESS; /* a browser's file field with no file chosen */
        }
        return eg_formtree_put(tree, problem, read->name,
                               json_pack("{s:s, s:s, s:o}", "filename", read->filename, "type",
                                         read->type != NULL ? read->type : FILE_TYPE_DEFAULT, "content",
                                         to_base64(content)));
    }
    if (memchr(content.at, '\0', content.length) != NULL || !eg_utf8_valid(content.at, content.length)) {
        *problem = apr_psprintf(pool, "The form field \"%s\" contains NUL or is not valid UTF-8",
                                eg_utf8_excerpt(read->name, strlen(read->name), pool));
        return APR_EINVAL;
    }
    return eg_formtree_put(tree, problem, read->name, json_stringn_nocheck(content.at, content.length));
}

/*
 * Cut what stands in front of the next delimiter off the body.
 * @param delimiter  CRLF, two hyphens, the boundary
 * @param content  what was cut off
 * @param last  was it the closing one? Whatever follows that is not looked at.
 */
static apr_status_t cut_at_delimiter(span *content, int *last, const char **problem, span *body,
                                     const char *delimiter)
{
    apr_size_t size = strlen(delimiter);
    const char *found = memmem(body->at, body->length, delimiter, size);
    const char *at, *end = body->at + body->length;

    if (found == NULL) {
        return complain(problem, "The form ends without its closing boundary");
    }
    at = found + size;
    *last = end - at >= 2 && memcmp(at, "--", 2) == 0;
    at += *last ? 2 : 0;
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    if (!(*last && at == end) && (end - at < 2 || memcmp(at, "\r\n", 2) != 0)) {
        return complain(problem, "The form has a boundary that is not alone on its line");
    }
    content->at = body->at;
    content->length = (apr_size_t)(found - body->at);
    at += at < end ? 2 : 0;
    body->at = at;
    body->length = (apr_size_t)(end - at);
    return APR_SUCCESS;
}

apr_status_t eg_form_multipart(json_t *object, const char **problem, const char *content_type,
                               const char *body, apr_size_t length, apr_pool_t *pool)
{
    eg_formtree *tree = eg_formtree_make(pool);
    span rest = { body, length }, content;
    const char *boundary = NULL, *delimiter, *opening;
    apr_status_t rv = find_boundary(&boundary, problem, content_type, pool);
    int last = 0;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    delimiter = apr_pstrcat(pool, "\r\n--", boundary, NULL);
    opening = delimiter + 2;
    /* The first delimiter needs no line end in front of it where there is no preamble. */
    if (length < strlen(opening) || memcmp(body, opening, strlen(opening)) != 0) {
        opening = delimiter;
    }
    rv = cut_at_delimiter(&content, &last, problem, &rest, opening);
    while (rv == APR_SUCCESS && !last) {
        part read = { 0 };

        rv = read_header(&read, problem, &rest, pool);
        if (rv == APR_SUCCESS) {
            rv = cut_at_delimiter(&content, &last, problem, &rest, delimiter);
        }
        if (rv == APR_SUCCESS) {
            rv = put_part(tree, problem, &read, content, pool);
        }
    }
    return rv == APR_SUCCESS ? eg_formtree_finish(object, problem, tree) : rv;
}
