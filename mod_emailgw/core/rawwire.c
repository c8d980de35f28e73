#include "rawwire.h"

#include <string.h>

#include <apr_strings.h>

#include "headervalue.h"
#include "utf8.h"

#define CODE_FIELD "Content-Transfer-Encoding"

static const char *place(const eg_rawmail *mail, apr_size_t at)
{
    return (const char *)mail->bytes.data + at;
}

static void set_code(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, eg_rawcode code,
                     apr_pool_t *pool)
{
    const eg_rawfield *field = eg_rawpart_find(mail, part, CODE_FIELD);
    const char *text = apr_pstrcat(pool, CODE_FIELD ": ", eg_mimecode_name(code), "\r\n", NULL);

    if (field != NULL) {
        eg_edits_replace(edits, place(mail, field->at), field->end - field->at, text);
    }
    else {
        eg_edits_insert(edits, place(mail, part->header_end), text);
    }
}

static int is_text(const eg_rawpart *part)
{
    return strncmp(part->type, "text/", 5) == 0;
}

void eg_rawwire_replace(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, eg_bytes content,
                        apr_pool_t *pool)
{
    eg_rawcode code = part->code;
    const char *body;

    if (code == EG_RAW_PLAIN && eg_mimecode_check(content) == EG_MIME_FITS) {
        body = apr_pstrmemdup(pool, content.data, content.size);
    }
    else {
        code = code == EG_RAW_PLAIN ? eg_mimecode_choose(content, is_text(part)) : code;
        body = eg_mimecode_encode(content, code, pool);
    }
    if (code != part->code) {
        set_code(edits, mail, part, code, pool);
    }
    eg_edits_replace(edits, place(mail, part->body), part->end - part->body, body);
}

/* A text that its client says nothing of must not be taken for US-ASCII. */
static void set_type(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, eg_bytes content)
{
    eg_edits_insert(edits, place(mail, part->header_end),
                    eg_utf8_valid(content.data, content.size)
                        ? "Content-Type: text/plain; charset=utf-8\r\n"
                        : "Content-Type: text/plain; charset=unknown-8bit\r\n");
}

static eg_mimefault fit_part(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part,
                             apr_pool_t *pool)
{
    eg_bytes body = eg_rawmail_range(mail, part->body, part->end), content;
    eg_mimefault fault = eg_mimecode_check(body);

    if (fault == EG_MIME_FITS || part->is_fixed ||
        eg_mimecode_decode(&content, body, part->code, pool) != APR_SUCCESS) {
        return fault;
    }
    if (fault == EG_MIME_8BIT && !part->type_given) {
        set_type(edits, mail, part, content);
    }
    eg_rawwire_replace(edits, mail, part, content, pool);
    return EG_MIME_FITS;
}

/* What was 8bit is no longer: a server that looks at the field alone would refuse it. */
static void fit_label(eg_edits *edits, const eg_rawmail *mail, const eg_rawpart *part, apr_pool_t *pool)
{
    const eg_rawfield *field = eg_rawpart_find(mail, part, CODE_FIELD);
    const char *value = field != NULL ? eg_rawfield_value(mail, field, pool) : "7bit";

    if (strcmp(value, "7bit") != 0) {
        set_code(edits, mail, part, EG_RAW_PLAIN, pool);
    }
}

/*
 * Between the parts of multiparts there are boundaries and what readers do not show:
 * all that is behind one part and before the next one's header.
 */
eg_mimefault eg_rawwire_fit(eg_edits *edits, const eg_rawmail *mail, apr_pool_t *pool)
{
    apr_size_t at = eg_rawmail_part(mail, 0)->at;
    eg_mimefault fault = EG_MIME_FITS;

    for (int i = 0; i < mail->parts->nelts && fault == EG_MIME_FITS; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);

        fault = eg_mimecode_check(eg_rawmail_range(mail, at, part->at));
        if (part->is_multipart) {
            fit_label(edits, mail, part, pool);
            at = part->body;
        }
        else {
            fault = fault == EG_MIME_FITS ? fit_part(edits, mail, part, pool) : fault;
            at = part->end;
        }
    }
    return fault == EG_MIME_FITS ? eg_mimecode_check(eg_rawmail_range(mail, at, mail->bytes.size)) : fault;
}
