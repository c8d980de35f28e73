/*
 * A stored message as RFC 5322 / MIME bytes (GMime).
 */
#ifndef EGS_MIME_H
#define EGS_MIME_H

#include "job.h"

/** Fields that a message which its client wrote may lack. */
enum {
    EGS_MIME_DATE = 1,
    EGS_MIME_FROM = 2,
    EGS_MIME_REPLY_TO = 4,
    EGS_MIME_MESSAGE_ID = 8,
    EGS_MIME_FEEDBACK_ID = 16,
    EGS_MIME_VERSION = 32
};

/**
 * Append fields of a content, as egs_mime_render writes them.
 * @param wanted  EGS_MIME_DATE ...; a Reply-To only where the content has one
 * @param unsubscribe  https URL for List-Unsubscribe and List-Unsubscribe-Post, or NULL
 */
void egs_mime_fields(egs_text *text, const egs_content *content, int wanted, const char *unsubscribe);

/**
 * The whole message: CRLF only, 7-bit (but for local parts in UTF-8, RFC
 * 6532), no line over 998. The same content gives the same bytes every time.
 *
 * Fields: Date, From, Reply-To, To, Cc, Subject, Message-ID, Feedback-ID, the custom
 * ones in their order, List-Unsubscribe and List-Unsubscribe-Post where there is a URL
 * for them, MIME-Version, Content-*. Parts, from the outside in: mixed
 * for attachments, alternative for plain and html, related for html and its
 * inline attachments. A text that is the only part ends with a line end, but where
 * it ends with a CR; within a multipart texts end as they were given.
 * @param message  lives as long as the pool
 * @param unsubscribe  https URL of one recipient, or NULL
 * @param room  bytes before the message that may be written to
 * @return APR_EINVAL when GMime refuses to write it
 */
apr_status_t egs_mime_render(eg_bytes *message, apr_size_t room, const egs_content *content,
                             const char *unsubscribe, apr_pool_t *pool);

#endif
