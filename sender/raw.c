#include <string.h>

#include "raw.h"

#include "mime.h"

static int lacks(const eg_rawmail *mail, const char *name)
{
    return eg_rawpart_count(mail, eg_rawmail_part(mail, 0), name) == 0;
}

/* The gateway's fields: a Feedback-ID and List-Unsubscribe of the client's own stay alone. */
static void add_fields(eg_edits *edits, const eg_rawmail *mail, const egs_content *content,
                       const egs_links *links, apr_pool_t *pool)
{
    const char *end = (const char *)mail->bytes.data + eg_rawmail_part(mail, 0)->header_end;
    int wanted = (lacks(mail, "Date") ? EGS_MIME_DATE : 0) | (lacks(mail, "From") ? EGS_MIME_FROM : 0) |
                 (lacks(mail, "Reply-To") ? EGS_MIME_REPLY_TO : 0) |
                 (lacks(mail, "Message-ID") ? EGS_MIME_MESSAGE_ID : 0) |
                 (lacks(mail, "Feedback-ID") ? EGS_MIME_FEEDBACK_ID : 0) |
                 (lacks(mail, "MIME-Version") ? EGS_MIME_VERSION : 0);
    egs_text fields;

    egs_text_init(&fields, 512, pool);
    if (end[-1] != '\n') {
        egs_text_puts(&fields, "\r\n");
    }
    egs_mime_fields(&fields, content, wanted,
                    lacks(mail, "List-Unsubscribe*") ? egs_track_unsubscribe_field(links, content) : NULL);
    if (eg_rawmail_part(mail, 0)->header_end == mail->bytes.size) {
        egs_text_puts(&fields, "\r\n"); /* the empty line: it was a header alone */
    }
    eg_edits_insert(edits, end, fields.data);
}

/* What is put before all of it and not sent. */
static const char *make_room(apr_size_t room, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, room + 1);

    memset(text, ' ', room);
    text[room] = '\0';
    return text;
}

apr_status_t egs_raw_render(eg_bytes *message, apr_size_t room, const egs_content *content, egs_links *links,
                            apr_pool_t *pool)
{
    const char *problem;
    eg_rawmail mail;
    eg_edits edits;
    eg_bytes made;

    if (eg_rawmail_parse(&mail, &problem, content->raw, pool) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    eg_edits_init(&edits, content->raw.data, content->raw.size, pool);
    eg_edits_insert(&edits, content->raw.data, make_room(room, pool));
    egs_raw_encode_fields(&edits, &mail, pool);
    add_fields(&edits, &mail, content, links, pool);
    egs_raw_track(&edits, &mail, content, links, pool);
    made = eg_edits_make(&edits, pool);
    *message = (eg_bytes){ (const char *)made.data + room, made.size - room };
    return APR_SUCCESS;
}
