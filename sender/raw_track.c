/* Tracked links in a message that its client wrote: in the texts that readers are shown, and nowhere else. */
#include <apr_strings.h>
#include <string.h>

#include "charset.h"
#include "raw.h"
#include "rawwire.h"
#include "utf8.h"

/* A text in UTF-8, with a NUL behind it. @return 0 when it is in no charset that is known, or not all in it */
static int read_text(eg_bytes *text, const eg_rawmail *mail, const eg_rawpart *part, apr_pool_t *pool)
{
    eg_bytes body = eg_rawmail_range(mail, part->body, part->end), content;

    if (eg_mimecode_decode(&content, body, part->code, pool) != APR_SUCCESS ||
        memchr(content.data, '\0', content.size) != NULL ||
        (!eg_charset_is_utf8(part->charset) &&
         eg_charset_read(&content, content, part->charset, pool) != APR_SUCCESS) ||
        !eg_utf8_valid(content.data, content.size)) {
        return 0;
    }
    *text = (eg_bytes){ apr_pstrmemdup(pool, content.data, content.size), content.size };
    return 1;
}

/* Back into its charset, in which all that was put in can be written. */
static int write_text(eg_bytes *content, eg_bytes text, const eg_rawpart *part, apr_pool_t *pool)
{
    *content = text;
    return eg_charset_is_utf8(part->charset) ||
           eg_charset_convert(content, text, part->charset, "utf-8", pool) == APR_SUCCESS;
}

static void rewrite(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, int is_html,
                    const egs_rewriting *with, apr_pool_t *pool)
{
    eg_bytes text, rewritten, content;

    if (!read_text(&text, mail, part, pool)) {
        return;
    }
    rewritten = (is_html ? egs_rewrite_html : egs_rewrite_plain)(text.data, text.size, with, pool);
    if (rewritten.data != text.data && write_text(&content, rewritten, part, pool)) {
        eg_rawwire_replace(edits, mail, part, content, pool);
    }
}

/*
 * Without an empty line, as that belongs to the boundary behind it: what is put there would
 * stand in the header. A whole message has its empty line by now.
 */
static int is_header_alone(const eg_rawmail *mail, const eg_rawpart *part)
{
    return part != eg_rawmail_part(mail, 0) && part->body == part->header_end;
}

/* Only the first text of a kind gets what stands in each mail once. */
void egs_raw_track(eg_edits *edits, const eg_rawmail *mail, const egs_content *content, egs_links *links,
                   apr_pool_t *pool)
{
    egs_rewriting html = egs_track_rewriting(links, "\r\n", pool), plain = html;

    for (int i = 0; egs_track_has_links(content) && i < mail->parts->nelts; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);

        if (part->is_fixed || part->is_attachment || is_header_alone(mail, part)) {
            continue;
        }
        if (strcmp(part->type, "text/html") == 0) {
            rewrite(edits, mail, part, 1, &html, pool);
            html.pixel = NULL;
            html.footer_html = NULL;
        }
        else if (strcmp(part->type, "text/plain") == 0) {
            rewrite(edits, mail, part, 0, &plain, pool);
            plain.footer_plain = NULL;
        }
    }
}
