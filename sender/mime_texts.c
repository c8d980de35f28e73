/*
 * The part, or the two, of a mail that has texts and nothing attached: nearly all
 * mails, so their lines go straight into the message.
 */
#include <apr_strings.h>
#include <gmime/gmime.h>
#include <string.h>

#include "mime_texts.h"
#include "transfer.h"

#define FIELDS_ROOM 256 /* bytes of the Content- fields and the boundary of a part */

apr_size_t egs_mime_texts_room(const egs_content *content)
{
    apr_size_t length =
        (content->plain ? strlen(content->plain) : 0) + (content->html ? strlen(content->html) : 0);

    return length + length / 2 + 2 * FIELDS_ROOM; /* base64 makes four of three, and 74 of 72 */
}

/*
 * Made of the message's own id, so that every try gives the same bytes.
 * The id is made after the client's content and has 74 random bits: no content
 * can hold it. Nor can "=_" occur in quoted-printable or base64.
 */
const char *egs_mime_boundary(const char *subtype, const char *message_id, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "=_", subtype, "_", message_id, NULL);
}

/* By GMime's encoder, whose lines end with LF. */
static void put_encoded(egs_text *message, const char *text, egs_transfer transfer, apr_pool_t *scratch)
{
    eg_bytes lines = egs_transfer_lines(text, transfer, scratch);
    GMimeEncoding state;
    char *encoded;

    g_mime_encoding_init_encode(&state, transfer == EGS_BASE64 ? GMIME_CONTENT_ENCODING_BASE64
                                                               : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    encoded = apr_palloc(scratch, g_mime_encoding_outlen(&state, lines.size) + 1);
    encoded[g_mime_encoding_flush(&state, lines.data, lines.size, encoded)] = '\0';
    egs_transfer_wire(message, encoded);
}

static void put_part(egs_text *message, const char *subtype, const char *text, apr_pool_t *scratch)
{
    static const char *const names[] = {
        [EGS_7BIT] = "7bit", [EGS_QUOTED_PRINTABLE] = "quoted-printable", [EGS_BASE64] = "base64"
    };
    egs_transfer transfer = egs_transfer_choose(text);

    egs_text_puts(message, apr_pstrcat(scratch, "Content-Type: text/", subtype,
                                       "; charset=utf-8\r\nContent-Transfer-Encoding: ", names[transfer],
                                       "\r\n\r\n", NULL));
    if (transfer == EGS_7BIT) {
        egs_transfer_wire(message, text);
    }
    else {
        put_encoded(message, text, transfer, scratch);
    }
}

/* The end of the only part is the end of the message; base64, which a CR there is kept by, brings its own. */
static const char *with_final_line_end(const char *text, apr_pool_t *scratch)
{
    apr_size_t length = strlen(text);

    return length && strchr("\n\r", text[length - 1]) ? text : apr_pstrcat(scratch, text, "\n", NULL);
}

static void put_alternative(egs_text *message, const egs_content *content, apr_pool_t *scratch)
{
    const char *boundary = egs_mime_boundary("alternative", content->message_id, scratch);
    const char *delimiter = apr_pstrcat(scratch, "\r\n--", boundary, NULL);

    egs_text_puts(message, apr_pstrcat(scratch, "Content-Type: multipart/alternative;\r\n\tboundary=\"",
                                       boundary, "\"\r\n", delimiter, "\r\n", NULL));
    put_part(message, "plain", content->plain, scratch);
    egs_text_puts(message, delimiter);
    egs_text_puts(message, "\r\n");
    put_part(message, "html", content->html, scratch);
    egs_text_puts(message, delimiter);
    egs_text_puts(message, "--\r\n");
}

void egs_mime_texts(egs_text *message, const egs_content *content, apr_pool_t *scratch)
{
    if (content->html && content->plain) {
        put_alternative(message, content, scratch);
    }
    else if (content->html) {
        put_part(message, "html", with_final_line_end(content->html, scratch), scratch);
    }
    else {
        put_part(message, "plain", with_final_line_end(content->plain ? content->plain : "", scratch),
                 scratch);
    }
}
