/*
 * The part, or the two, of a mail that has texts and nothing attached.
 */
#ifndef EGS_MIME_TEXTS_H
#define EGS_MIME_TEXTS_H

#include "job.h"
#include "text.h"

/** What parts the parts of a multipart of this message. */
const char *egs_mime_boundary(const char *subtype, const char *message_id, apr_pool_t *pool);

/** Bytes that will do for what egs_mime_texts appends, but where most lines are empty. */
apr_size_t egs_mime_texts_room(const egs_content *content);

/**
 * Append the Content-* fields, the empty line and the body to a header: byte for
 * byte what GMime writes of the same part tree, without a copy of it for every stage.
 * A text that is the only part gets a line end where it has none, and no CR, at its end.
 * @param content  its attachments are left out
 * @param scratch  may be cleared afterwards
 */
void egs_mime_texts(egs_text *message, const egs_content *content, apr_pool_t *scratch);

#endif
