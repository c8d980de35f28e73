#include "headerwords.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "charset.h"
#include "mimecode.h"
#include "utf8.h"

#define CHARSET_MAX 40 /* bytes of its name */

/** "=?charset?Q?text?=" */
typedef struct {
    const char *charset;
    int is_base64;
    eg_bytes text;
    apr_size_t length; /* of the whole word */
} word;

/* @return 0 when no encoded word begins here */
static int find_word(word *w, const char *at, apr_pool_t *pool)
{
    const char *code = at[0] == '=' && at[1] == '?' ? strpbrk(at + 2, "? ") : NULL, *text, *end;
    apr_size_t length;

    if (code == NULL || code[0] != '?' || !strchr("bBqQ", code[1] ? code[1] : ' ') || code[2] != '?') {
        return 0;
    }
    text = code + 3;
    end = strpbrk(text, "? ");
    if (end == NULL || end[0] != '?' || end[1] != '=' || code - (at + 2) > CHARSET_MAX) {
        return 0;
    }
    length = strcspn(at + 2, "*?"); /* a language may stand behind it, RFC 2231 section 5 */
    w->charset = apr_pstrmemdup(pool, at + 2, length);
    w->is_base64 = (code[1] | 0x20) == 'b';
    w->text = (eg_bytes){ text, (apr_size_t)(end - text) };
    w->length = (apr_size_t)(end + 2 - at);
    return 1;
}

/* The Q encoding is quoted-printable with "_" for a blank. */
static apr_status_t decode_text(eg_bytes *content, const word *w, apr_pool_t *pool)
{
    const char *from = w->text.data;
    char *text = apr_palloc(pool, 3 * w->text.size + 1), *to = text;

    if (w->is_base64) {
        return eg_mimecode_decode(content, w->text, EG_RAW_BASE64, pool);
    }
    for (apr_size_t i = 0; i < w->text.size; i++) {
        if (from[i] == '_') {
            to = (char *)memcpy(to, "=20", 3) + 3;
        }
        else {
            *to++ = from[i];
        }
    }
    return eg_mimecode_decode(content, (eg_bytes){ text, (apr_size_t)(to - text) }, EG_RAW_QUOTED_PRINTABLE,
                              pool);
}

/* @return 0 when it cannot be decoded */
static int decode_word(eg_bytes *content, const word *w, apr_pool_t *pool)
{
    return decode_text(content, w, pool) == APR_SUCCESS &&
           (eg_charset_is_utf8(w->charset) ||
            eg_charset_convert(content, *content, "utf-8", w->charset, pool) == APR_SUCCESS);
}

/* What grows: as much of it as max allows. */
typedef struct {
    char *text;
    apr_size_t length, max;
    int is_full;
} reader;

/* Control characters become blanks, what is no UTF-8 becomes U+FFFD. */
static void put(reader *r, const char *text, apr_size_t length)
{
    for (apr_size_t step; length > 0 && !r->is_full; text += step, length -= step) {
        apr_uint32_t code;
        const char *bytes = text;
        apr_size_t size = step = eg_utf8_next(&code, text, length);

        if (step == 0) {
            bytes = "\xef\xbf\xbd";
            size = 3;
            step = 1;
        }
        else if (eg_utf8_is_control(code)) {
            bytes = " ";
            size = 1;
        }
        if (r->length + size > r->max) {
            r->is_full = 1;
            return;
        }
        memcpy(r->text + r->length, bytes, size);
        r->length += size;
    }
}

const char *eg_headerwords_decode(const char *value, apr_size_t max, apr_pool_t *pool)
{
    apr_size_t length = strlen(value), room = 3 * length + 1;
    reader r = { apr_palloc(pool, room < max + 1 ? room : max + 1), 0, room - 1 < max ? room - 1 : max, 0 };
    int behind_word = 0;

    while (*value && !r.is_full) {
        apr_size_t blanks = strspn(value, " \t"), plain;
        eg_bytes content;
        word w;

        if (find_word(&w, value + blanks, pool) && decode_word(&content, &w, pool)) {
            put(&r, value, behind_word ? 0 : blanks); /* those between two words are none, section 6.2 */
            put(&r, content.data, content.size);
            value += blanks + w.length;
            behind_word = 1;
            continue;
        }
        plain = blanks + strcspn(value + blanks, " \t");
        put(&r, value, plain);
        value += plain;
        behind_word = 0;
    }
    r.text[r.length] = '\0';
    return r.text;
}
