#include "base64.h"

/* A digit's value, -1 for none. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

apr_status_t eg_base64_decode(eg_bytes *bytes, const char *text, apr_size_t length, apr_pool_t *pool)
{
    unsigned char *out = apr_palloc(pool, length / 4 * 3 + 3);
    apr_size_t size = 0, digits = 0, pads = 0;
    apr_uint32_t bits = 0;

    for (apr_size_t i = 0; i < length; i++) {
        char c = text[i];
        int value = value_of(c);

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            continue;
        }
        if (c == '=') {
            pads++;
            continue;
        }
        if (value < 0 || pads > 0) {
            return APR_EINVAL;
        }
        bits = bits << 6 | (apr_uint32_t)value;
        if (++digits % 4 == 0) {
            out[size++] = (unsigned char)(bits >> 16);
            out[size++] = (unsigned char)(bits >> 8);
            out[size++] = (unsigned char)bits;
            bits = 0;
        }
    }
    switch (digits % 4) {
    case 0:
        if (pads != 0) {
            return APR_EINVAL;
        }
        break;
    case 2:
        if (pads != 2 || (bits & 0xf) != 0) {
            return APR_EINVAL;
        }
        out[size++] = (unsigned char)(bits >> 4);
        break;
    case 3:
        if (pads != 1 || (bits & 0x3) != 0) {
            return APR_EINVAL;
        }
        out[size++] = (unsigned char)(bits >> 10);
        out[size++] = (unsigned char)(bits >> 2);
        break;
    default:
        return APR_EINVAL;
    }
    *bytes = (eg_bytes){ out, size };
    return APR_SUCCESS;
}
