/*
 * A stored message as RFC 5322 / MIME bytes (GMime).
 */
#ifndef EGS_MIME_H
#define EGS_MIME_H

#include "job.h"

/**
 * The whole message: CRLF only, 7-bit (but for local parts in UTF-8, RFC
 * 6532), no line over 998. The same content gives the same bytes every time.
 *
 * Fields: Date, From, Reply-To, To, Cc, Subject, Message-ID, Feedback-ID, the custom
 * ones in their order, List-Unsubscribe and List-Unsubscribe-Post where there is a URL
 * for them, MIME-Version, Content-*. Parts, from the outside in: mixed
 * for attachments, alternative for plain and html, related for html and its
 * inline attachments. A text that is the only part always ends with a line end;
 * within a multipart texts end as they were given.
 * @param message  lives as long as the pool
 * @param unsubscribe  https URL of one recipient, or NULL
 * @param room  bytes before the message that may be written to
 * @return APR_EINVAL when GMime refuses to write it
 */
apr_status_t egs_mime_render(eg_bytes *message, apr_size_t room, const egs_content *content,
                             const char *unsubscribe, apr_pool_t *pool);

#endif
