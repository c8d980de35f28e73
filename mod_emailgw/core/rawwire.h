/*
 * The bodies of a mail made fit for every server: 7-bit, in lines of at most 998
 * (RFC 5322 section 2.1.1, RFC 6152 section 3). Pure.
 */
#ifndef EG_RAWWIRE_H
#define EG_RAWWIRE_H

#include "edits.h"
#include "mimecode.h"

/**
 * Note what is to change: parts that do not fit are written anew in quoted-printable
 * or base64 and stand for the same bytes as before. What has no type gets one with its
 * bytes over 126: of UTF-8, else unknown-8bit (RFC 1428 section 3).
 * @param edits  of mail
 * @return EG_MIME_FITS, or what does not fit and must not change: in a part that goes
 *         as it came, or between parts
 */
eg_mimefault eg_rawwire_fit(eg_edits *edits, const eg_rawmail *mail, apr_pool_t *pool);

/**
 * Note another body for a part: as it is where that fits and it was so, else in the
 * part's own encoding, or the one that is best for it.
 * @param content  decoded
 */
void eg_rawwire_replace(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, eg_bytes content,
                        apr_pool_t *pool);

#endif
