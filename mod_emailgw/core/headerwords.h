/*
 * Header values as people read them: encoded words decoded (RFC 2047). Pure.
 */
#ifndef EG_HEADERWORDS_H
#define EG_HEADERWORDS_H

#include "eg.h"

/**
 * A value in UTF-8, in one line without control characters. Words of a charset that
 * is not known stay as they are; bytes that are not UTF-8 become U+FFFD.
 * @param max  bytes: what is longer is cut at a character
 */
const char *eg_headerwords_decode(const char *value, apr_size_t max, apr_pool_t *pool);

#endif
