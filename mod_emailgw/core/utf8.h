/*
 * UTF-8 character by character (RFC 3629), and untrusted text made fit to be shown.
 */
#ifndef EG_UTF8_H
#define EG_UTF8_H

#include "eg.h"

#define EG_UTF8_BOM "\xEF\xBB\xBF" /* what some programs write before a text to say that it is UTF-8 */

/**
 * The character that text begins with.
 * @param code  its code point; set on success
 * @return its length, 1 to 4 bytes; 0 when there is none: empty, cut off, not
 *         the shortest form, a surrogate or over U+10FFFF
 */
apr_size_t eg_utf8_next(apr_uint32_t *code, const char *text, apr_size_t length);

int eg_utf8_valid(const char *text, apr_size_t length);

/**
 * Can this character end a line or change how the rest of it reads? C0, DEL,
 * C1 (with U+0085), U+2028, U+2029 and the bidirectional controls.
 */
int eg_utf8_is_control(apr_uint32_t code);

/** Valid UTF-8 without a control character? An empty text is. */
int eg_utf8_is_line(const char *text);

/**
 * Copy text with each byte of a control character or of broken UTF-8 as \xNN,
 * as many whole characters as fit.
 * @param out  ends with NUL
 * @return bytes of text that were taken
 */
apr_size_t eg_utf8_escape(char *out, apr_size_t size, const char *text, apr_size_t length);

/** A text of at most max bytes, whole characters: itself where it is no longer. NULL stays NULL. */
const char *eg_utf8_cut(const char *text, apr_size_t max, apr_pool_t *pool);

/** At most 64 bytes of text, escaped, with "..." behind it when cut: for a sentence that quotes it. */
const char *eg_utf8_excerpt(const char *text, apr_size_t length, apr_pool_t *pool);

#endif
