#include "mimecode.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_pools.h>
#include <openssl/evp.h>

#include "base64.h"

#define QP_LINE_MAX 76    /* RFC 2045 section 6.7 (5) */
#define BASE64_LINE_IN 57 /* bytes that become 76 (RFC 2045 section 6.8) */

static int is_line_end(const char *c, const char *end)
{
    return *c == '\r' && end - c >= 2 && c[1] == '\n';
}

eg_mimefault eg_mimecode_check(eg_bytes body)
{
    const char *c = body.data, *end = c + body.size, *line = c;
    apr_size_t longest = 0;

    for (; c < end; c++) {
        if (is_line_end(c, end)) {
            longest = (apr_size_t)(c - line) > longest ? (apr_size_t)(c - line) : longest;
            line = ++c + 1;
        }
        else if (*c == '\0' || (unsigned char)*c >= 0x7f || *c == '\r' || *c == '\n') {
            return EG_MIME_8BIT;
        }
    }
    longest = (apr_size_t)(end - line) > longest ? (apr_size_t)(end - line) : longest;
    return longest > EG_WIRE_LINE_MAX ? EG_MIME_LONG : EG_MIME_FITS;
}

/* ---- quoted-printable ---------------------------------------------------------------------------- */

static int hex_value(char c)
{
    return apr_isdigit(c) ? c - '0' : apr_isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

static const char *skip_blanks(const char *c, const char *end)
{
    while (c < end && (*c == ' ' || *c == '\t')) {
        c++;
    }
    return c;
}

/* A run of blanks: at the end of a line they were put there on the way (section 6.7 (3)). @return behind it */
static const char *decode_blanks(char **to, const char *c, const char *end)
{
    const char *behind = skip_blanks(c, end);

    if (behind < end && !is_line_end(behind, end)) {
        memcpy(*to, c, (size_t)(behind - c));
        *to += behind - c;
    }
    return behind;
}

/* "=" and what it is the beginning of. @return behind it */
static const char *decode_escape(char **to, const char *c, const char *end)
{
    const char *behind = skip_blanks(c + 1, end);

    if (behind == end) {
        return end;
    }
    if (is_line_end(behind, end)) {
        return behind + 2;
    }
    if (end - c >= 3 && hex_value(c[1]) >= 0 && hex_value(c[2]) >= 0) {
        *(*to)++ = (char)(hex_value(c[1]) * 16 + hex_value(c[2]));
        return c + 3;
    }
    *(*to)++ = '=';
    return c + 1;
}

static eg_bytes decode_quoted_printable(eg_bytes body, apr_pool_t *pool)
{
    const char *c = body.data, *end = c + body.size;
    char *content = apr_palloc(pool, body.size + 1), *to = content;

    while (c < end) {
        if (*c == '=') {
            c = decode_escape(&to, c, end);
        }
        else if (*c == ' ' || *c == '\t') {
            c = decode_blanks(&to, c, end);
        }
        else {
            *to++ = *c++;
        }
    }
    *to = '\0';
    return (eg_bytes){ content, (apr_size_t)(to - content) };
}

/* Must it be written as "=XX"? A blank must at the end of a line. */
static int needs_escape(const char *c, const char *end)
{
    if (*c == ' ' || *c == '\t') {
        return c + 1 == end || is_line_end(c + 1, end);
    }
    return (unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || *c == '=';
}

/* At the beginning of a line, also of one that only a soft break makes, it could end the part. */
static int begins_boundary(const char *c, const char *end)
{
    return end - c >= 2 && c[0] == '-' && c[1] == '-';
}

/* With soft line breaks that leave room for the "=" of the next one. @return behind the last byte; NULL to: count alone */
static apr_size_t write_quoted_printable(char *to, eg_bytes content)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *c = content.data, *end = c + content.size;
    apr_size_t size = 0, column = 0;

    for (; c < end; c++) {
        char piece[3] = { *c };
        int ends = is_line_end(c, end), escaped = !ends && needs_escape(c, end);
        apr_size_t length = ends ? 2 : escaped ? 3 : 1;

        if (!ends && column + length >= QP_LINE_MAX) {
            if (to != NULL) {
                memcpy(to + size, "=\r\n", 3);
            }
            size += 3;
            column = 0;
        }
        if (ends) {
            memcpy(piece, "\r\n", 2);
            c++;
        }
        else if (escaped || (column == 0 && begins_boundary(c, end))) {
            piece[0] = '=';
            piece[1] = hex[(unsigned char)*c >> 4];
            piece[2] = hex[(unsigned char)*c & 15];
            length = 3;
        }
        if (to != NULL) {
            memcpy(to + size, piece, length);
        }
        size += length;
        column = ends ? 0 : column + length;
    }
    return size;
}

static char *encode_quoted_printable(eg_bytes content, apr_pool_t *pool)
{
    apr_size_t size = write_quoted_printable(NULL, content);
    char *text = apr_palloc(pool, size + 1);

    write_quoted_printable(text, content);
    text[size] = '\0';
    return text;
}

/* ---- base64 -------------------------------------------------------------------------------------- */

static apr_size_t base64_size(apr_size_t size)
{
    return (size + 2) / 3 * 4 + (size + BASE64_LINE_IN - 1) / BASE64_LINE_IN * 2;
}

static char *encode_base64(eg_bytes content, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, base64_size(content.size) + 1), *to = text;
    const unsigned char *from = content.data;

    for (apr_size_t left = content.size; left > 0;) {
        apr_size_t taken = left < BASE64_LINE_IN ? left : BASE64_LINE_IN;

        to += EVP_EncodeBlock((unsigned char *)to, from, (int)taken);
        from += taken;
        left -= taken;
        if (left > 0) {
            memcpy(to, "\r\n", 2);
            to += 2;
        }
    }
    *to = '\0';
    return text;
}

/* ---- either -------------------------------------------------------------------------------------- */

apr_status_t eg_mimecode_decode(eg_bytes *content, eg_bytes body, eg_rawcode code, apr_pool_t *pool)
{
    if (code == EG_RAW_BASE64) {
        return eg_base64_decode(content, body.data, body.size, pool);
    }
    *content = code == EG_RAW_QUOTED_PRINTABLE ? decode_quoted_printable(body, pool) : body;
    return APR_SUCCESS;
}

eg_rawcode eg_mimecode_choose(eg_bytes content, int is_text)
{
    return is_text && memchr(content.data, '\0', content.size) == NULL &&
                   write_quoted_printable(NULL, content) <= base64_size(content.size)
               ? EG_RAW_QUOTED_PRINTABLE
               : EG_RAW_BASE64;
}

const char *eg_mimecode_encode(eg_bytes content, eg_rawcode code, apr_pool_t *pool)
{
    return code == EG_RAW_BASE64 ? encode_base64(content, pool) : encode_quoted_printable(content, pool);
}

const char *eg_mimecode_name(eg_rawcode code)
{
    return code == EG_RAW_BASE64 ? "base64" : code == EG_RAW_QUOTED_PRINTABLE ? "quoted-printable" : "7bit";
}
