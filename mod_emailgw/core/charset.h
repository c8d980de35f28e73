/*
 * Text in the charsets that mail is written in <-> UTF-8 (iconv).
 */
#ifndef EG_CHARSET_H
#define EG_CHARSET_H

#include "db.h"

/** Is it US-ASCII or UTF-8? NULL, for none given, is US-ASCII (RFC 2046 section 4.1.2). */
int eg_charset_is_utf8(const char *charset);

/**
 * Convert a text. Only charsets of a short list are: no other converter of the
 * system's is loaded.
 * @param from, to  one of them is UTF-8; letter case ignored
 * @return APR_ENOTIMPL for a charset that is not on the list, APR_EINVAL where a
 *         character cannot be converted
 */
apr_status_t eg_charset_convert(eg_bytes *converted, eg_bytes text, const char *to, const char *from,
                                apr_pool_t *pool);

/**
 * To UTF-8, if that can be undone: whoever changes a part of a text and writes it back
 * must leave the rest as it was.
 * @return as above; APR_EINVAL also when it cannot be undone
 */
apr_status_t eg_charset_read(eg_bytes *converted, eg_bytes text, const char *from, apr_pool_t *pool);

#endif
