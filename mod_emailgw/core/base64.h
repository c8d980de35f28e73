/*
 * Base64 as clients send attachments (RFC 4648 section 4), checked strictly.
 */
#ifndef EG_BASE64_H
#define EG_BASE64_H

#include "db.h"

/**
 * Decode. Spaces, tabs and line breaks are skipped, as MIME wraps lines;
 * padding must be there and stray bits must be zero.
 * @return APR_EINVAL for anything else: a byte outside the alphabet, text
 *         behind the padding, a length that cannot be
 */
apr_status_t eg_base64_decode(eg_bytes *bytes, const char *text, apr_size_t length, apr_pool_t *pool);

#endif
