/*
 * A message as its client wrote it, made ready for one recipient: what has to change
 * does, and every other byte stays. Pure.
 */
#ifndef EGS_RAW_H
#define EGS_RAW_H

#include "edits.h"
#include "headervalue.h"
#include "job.h"
#include "rawmail.h"
#include "text.h"
#include "track.h"

/**
 * The whole message: CRLF only, 7-bit (but for local parts in UTF-8, RFC 6532), no
 * line over 998. The same content and links give the same bytes every time.
 *
 * Fields that it lacks are added: Date, From, Reply-To, Message-ID, Feedback-ID,
 * List-Unsubscribe and MIME-Version; texts get their tracked links.
 * @param message  lives as long as the pool
 * @param room  bytes before the message that may be written to
 * @return APR_EINVAL when it is no message: what accept would not have stored
 */
apr_status_t egs_raw_render(eg_bytes *message, apr_size_t room, const egs_content *content, egs_links *links,
                            apr_pool_t *pool);

/** @name Parts of it, each in a file of its own; both note edits of mail */
/** @{ */
/** Fields with bytes over 127 or a line over 998, of the mail and of its parts, in a form that every server takes. */
void egs_raw_encode_fields(eg_edits *edits, const eg_rawmail *mail, apr_pool_t *pool);
/** The texts that readers are shown, as the recipient gets them. */
void egs_raw_track(eg_edits *edits, const eg_rawmail *mail, const egs_content *content, egs_links *links,
                   apr_pool_t *pool);
/** @} */

/** @name Fields written anew, with their CRLF */
/** @{ */
/** @param list  of eg_rawaddress, one or more */
void egs_raw_put_addresses(egs_text *text, const char *name, const apr_array_header_t *list);
/** Each parameter in a line of its own; one whose name ends in * is in its form already (RFC 2231). */
void egs_raw_put_parameters(egs_text *text, const char *name, const eg_headervalue *value);
/** The name of a field, without the blanks that may stand behind it. */
const char *egs_raw_field_name(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool);
/** @} */

#endif
