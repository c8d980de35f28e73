/* application/x-www-form-urlencoded and query strings to JSON. */
#include "form.h"

#include <string.h>

#include <apr_strings.h>

#include "formtree.h"
#include "utf8.h"

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *digit = c != '\0' ? strchr(digits, c) : NULL;
    int value = digit != NULL ? (int)(digit - digits) : -1;

    return value < 16 ? value : value - 6;
}

/* Undo the encoding. @return NULL for a '%' without two hexadecimal digits */
static const char *decode(apr_size_t *decoded, const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, length + 1);
    apr_size_t used = 0;

    for (apr_size_t at = 0; at < length; at++) {
        int high, low;

        if (text[at] != '%') {
            out[used++] = text[at] == '+' ? ' ' : text[at];
            continue;
        }
        high = at + 2 < length ? hex_digit(text[at + 1]) : -1;
        low = at + 2 < length ? hex_digit(text[at + 2]) : -1;
        if (high < 0 || low < 0) {
            return NULL;
        }
        out[used++] = (char)(high << 4 | low);
        at += 2;
    }
    out[used] = '\0';
    *decoded = used;
    return out;
}

/* One half of "name=value", decoded and checked. @return what is wrong with it, or NULL */
static const char *read_half(const char **half, apr_size_t *size, const char *text, apr_size_t length,
                             apr_pool_t *pool)
{
    *half = decode(size, text, length, pool);
    if (*half == NULL) {
        return "has a '%' without two hexadecimal digits behind it";
    }
    if (memchr(*half, '\0', *size) != NULL) {
        return "contains the character NUL, which is not allowed";
    }
    return eg_utf8_valid(*half, *size) ? NULL : "is not valid UTF-8";
}

/* "name=value" or "name". */
static apr_status_t read_field(eg_formtree *tree, const char **problem, const char *text, apr_size_t length,
                               apr_pool_t *pool)
{
    const char *equals = memchr(text, '=', length);
    apr_size_t name_length = equals != NULL ? (apr_size_t)(equals - text) : length, size, value_size = 0;
    const char *name, *value = "", *wrong;

    wrong = read_half(&name, &size, text, name_length, pool);
    if (wrong == NULL && equals != NULL) {
        wrong = read_half(&value, &value_size, equals + 1, length - name_length - 1, pool);
    }
    if (wrong != NULL) {
        *problem =
            apr_psprintf(pool, "The form field \"%s\" %s", eg_utf8_excerpt(text, name_length, pool), wrong);
        return APR_EINVAL;
    }
    return eg_formtree_put(tree, problem, name, json_stringn_nocheck(value, value_size));
}

apr_status_t eg_form_urlencoded(json_t *object, const char **problem, const char *text, apr_size_t length,
                                apr_pool_t *pool)
{
    eg_formtree *tree = eg_formtree_make(pool);
    const char *end = text + length;

    while (text < end) {
        const char *next = memchr(text, '&', (apr_size_t)(end - text));

        next = next != NULL ? next : end;
        if (next > text) {
            apr_status_t rv = read_field(tree, problem, text, (apr_size_t)(next - text), pool);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        text = next + 1;
    }
    return eg_formtree_finish(object, problem, tree);
}
