/* UTF-8 character by character, and untrusted text made fit to be shown. */
#include "utf8.h"

#include <string.h>

#include <apr_strings.h>

#define EXCERPT_MAX 64 /* bytes of the client's text in one sentence */
#define ESCAPE_SIZE 4  /* \xNN */

apr_size_t eg_utf8_next(apr_uint32_t *code, const char *text, apr_size_t length)
{
    /* The first code point that needs as many bytes: less is not the shortest form. */
    static const apr_uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *byte = (const unsigned char *)text;
    apr_uint32_t point;
    apr_size_t size;

    if (length == 0) {
        return 0;
    }
    if (byte[0] < 0x80) {
        *code = byte[0];
        return 1;
    }
    if (byte[0] < 0xC2 || byte[0] > 0xF4) {
        return 0;
    }
    size = byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    if (length < size) {
        return 0;
    }
    point = byte[0] & (0xFFu >> (size + 1));
    for (apr_size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = (point << 6) | (byte[i] & 0x3Fu);
    }
    if (point < least[size] || (point >= 0xD800 && point <= 0xDFFF) || point > 0x10FFFF) {
        return 0;
    }
    *code = point;
    return size;
}

int eg_utf8_valid(const char *text, apr_size_t length)
{
    for (apr_size_t at = 0; at < length;) {
        apr_uint32_t code;
        apr_size_t size = eg_utf8_next(&code, text + at, length - at);

        if (size == 0) {
            return 0;
        }
        at += size;
    }
    return 1;
}

int eg_utf8_is_control(apr_uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) /* C0; DEL and C1 */
           || code == 0x061C                             /* Arabic letter mark */
           || code == 0x200E || code == 0x200F           /* left-to-right and right-to-left mark */
           || code == 0x2028 || code == 0x2029           /* line and paragraph separator */
           || (code >= 0x202A && code <= 0x202E)         /* embeddings and overrides */
           || (code >= 0x2066 && code <= 0x2069);        /* isolates */
}

int eg_utf8_is_line(const char *text)
{
    apr_size_t left = strlen(text), bytes;

    for (; left > 0; text += bytes, left -= bytes) {
        apr_uint32_t code = 0;

        bytes = eg_utf8_next(&code, text, left);
        if (bytes == 0 || eg_utf8_is_control(code)) {
            return 0;
        }
    }
    return 1;
}

apr_size_t eg_utf8_escape(char *out, apr_size_t size, const char *text, apr_size_t length)
{
    static const char hex[] = "0123456789abcdef";
    apr_size_t at = 0, used = 0;

    while (at < length) {
        apr_uint32_t code = 0;
        apr_size_t bytes = eg_utf8_next(&code, text + at, length - at);
        int plain = bytes > 0 && !eg_utf8_is_control(code);

        bytes = bytes > 0 ? bytes : 1;
        if (used + (plain ? bytes : bytes * ESCAPE_SIZE) >= size) {
            break;
        }
        if (plain) {
            memcpy(out + used, text + at, bytes);
            used += bytes;
        }
        else {
            for (apr_size_t i = 0; i < bytes; i++) {
                unsigned char byte = (unsigned char)text[at + i];

                out[used++] = '\\';
                out[used++] = 'x';
                out[used++] = hex[byte >> 4];
                out[used++] = hex[byte & 15];
            }
        }
        at += bytes;
    }
    out[used] = '\0';
    return at;
}

const char *eg_utf8_cut(const char *text, apr_size_t max, apr_pool_t *pool)
{
    apr_size_t length = max;

    if (text == NULL || strlen(text) <= max) {
        return text;
    }
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length--;
    }
    return apr_pstrmemdup(pool, text, length);
}

const char *eg_utf8_excerpt(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char escaped[EXCERPT_MAX * ESCAPE_SIZE + 1];
    apr_size_t shown = length;

    if (shown > EXCERPT_MAX) {
        shown = EXCERPT_MAX;
        while (shown > EXCERPT_MAX - 4 && ((unsigned char)text[shown] & 0xC0) == 0x80) {
            shown--; /* not within a character */
        }
    }
    eg_utf8_escape(escaped, sizeof escaped, text, shown);
    return apr_pstrcat(pool, escaped, shown < length ? "..." : "", NULL);
}
