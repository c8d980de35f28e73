/* Message ids: UUIDv7 (RFC 9562 section 5.7). */
#include "uuid.h"

#include <string.h>

#include <apr_lib.h>
#include <openssl/rand.h>

static int is_hyphen(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

apr_status_t eg_uuid_new(char text[EG_UUID_SIZE], apr_time_t now)
{
    apr_uint64_t milliseconds = (apr_uint64_t)(now / 1000);
    unsigned char id[EG_UUID_BYTES];

    if (RAND_bytes(id + 6, EG_UUID_BYTES - 6) != 1) {
        return APR_EGENERAL;
    }
    for (int i = 0; i < 6; i++) {
        id[i] = (unsigned char)(milliseconds >> (40 - 8 * i));
    }
    id[6] = (unsigned char)((id[6] & 0x0F) | 0x70); /* version 7 */
    id[8] = (unsigned char)((id[8] & 0x3F) | 0x80); /* variant */
    eg_uuid_from_bytes(text, id);
    return APR_SUCCESS;
}

int eg_uuid_valid(const char *text)
{
    for (int i = 0; i < EG_UUID_SIZE - 1; i++) {
        if (is_hyphen(i) ? text[i] != '-' : !apr_isxdigit(text[i])) {
            return 0; /* also at an early NUL */
        }
    }
    return text[EG_UUID_SIZE - 1] == '\0';
}

static int hex_value(char digit)
{
    return apr_isdigit(digit) ? digit - '0' : apr_tolower(digit) - 'a' + 10;
}

void eg_uuid_to_bytes(unsigned char bytes[EG_UUID_BYTES], const char *text)
{
    for (int i = 0; i < EG_UUID_BYTES; i++) {
        text += *text == '-';
        bytes[i] = (unsigned char)(hex_value(text[0]) << 4 | hex_value(text[1]));
        text += 2;
    }
}

void eg_uuid_from_bytes(char text[EG_UUID_SIZE], const unsigned char bytes[EG_UUID_BYTES])
{
    static const char hex[] = "0123456789abcdef";
    int nibble = 0;

    for (int i = 0; i < EG_UUID_SIZE - 1; i++) {
        if (is_hyphen(i)) {
            text[i] = '-';
        }
        else {
            text[i] = hex[nibble % 2 == 0 ? bytes[nibble / 2] >> 4 : bytes[nibble / 2] & 15];
            nibble++;
        }
    }
    text[EG_UUID_SIZE - 1] = '\0';
}
