/*
 * Numbers in the bytes of tokens, the most significant first.
 */
#ifndef EG_BIGENDIAN_H
#define EG_BIGENDIAN_H

#include "eg.h"

/** Its lowest size bytes. @param size  1 to 8 */
void eg_bigendian_put(unsigned char *bytes, int size, apr_uint64_t number);

apr_uint64_t eg_bigendian_get(const unsigned char *bytes, int size);

#endif
