#include "bigendian.h"

void eg_bigendian_put(unsigned char *bytes, int size, apr_uint64_t number)
{
    for (int i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(number >> 8 * (size - 1 - i));
    }
}

apr_uint64_t eg_bigendian_get(const unsigned char *bytes, int size)
{
    apr_uint64_t number = 0;

    for (int i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}
