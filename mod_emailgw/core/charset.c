#include "charset.h"

#include <iconv.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_pools.h>

static const char *const known[] = {
    "iso-8859-1",   "iso-8859-2",   "iso-8859-3",   "iso-8859-4",   "iso-8859-5",   "iso-8859-7",
    "iso-8859-9",   "iso-8859-10",  "iso-8859-13",  "iso-8859-15",  "windows-1250", "windows-1251",
    "windows-1252", "windows-1253", "windows-1254", "windows-1257", "koi8-r",       "koi8-u",
    "iso-2022-jp",  "shift_jis",    "euc-jp",       "gb2312",       "gbk",          "gb18030",
    "big5",         "euc-kr",       "utf-16",       "utf-16be",     "utf-16le",
};

int eg_charset_is_utf8(const char *charset)
{
    return charset == NULL || apr_cstr_casecmp(charset, "utf-8") == 0 ||
           apr_cstr_casecmp(charset, "utf8") == 0 || apr_cstr_casecmp(charset, "us-ascii") == 0;
}

static int is_known(const char *charset)
{
    for (apr_size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (apr_cstr_casecmp(charset, known[i]) == 0) {
            return 1;
        }
    }
    return eg_charset_is_utf8(charset);
}

apr_status_t eg_charset_convert(eg_bytes *converted, eg_bytes text, const char *to, const char *from,
                                apr_pool_t *pool)
{
    char *in = (char *)text.data, *out, *made; /* iconv does not write to it */
    size_t left = text.size, room = 4 * text.size + 16;
    iconv_t converter;
    int whole;

    if (!is_known(to) || !is_known(from)) {
        return APR_ENOTIMPL;
    }
    converter = iconv_open(to, from);
    if (converter == (iconv_t)-1) {
        return APR_ENOTIMPL;
    }
    out = made = apr_palloc(pool, room);
    whole = iconv(converter, &in, &left, &out, &room) == 0 && iconv(converter, NULL, NULL, &out, &room) == 0;
    iconv_close(converter);
    if (!whole) {
        return APR_EINVAL;
    }
    *converted = (eg_bytes){ made, (apr_size_t)(out - made) };
    return APR_SUCCESS;
}

apr_status_t eg_charset_read(eg_bytes *converted, eg_bytes text, const char *from, apr_pool_t *pool)
{
    eg_bytes there, back;
    apr_status_t rv = eg_charset_convert(&there, text, "utf-8", from, pool);

    rv = rv == APR_SUCCESS ? eg_charset_convert(&back, there, from, "utf-8", pool) : rv;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (back.size != text.size || memcmp(back.data, text.data, back.size) != 0) {
        return APR_EINVAL;
    }
    *converted = there;
    return APR_SUCCESS;
}
