/* Raw mails with CRLF at the ends of lines: parts lie within the mail one behind the other, and one made fit for the wire stands for the same. */
#include <string.h>

#include <apr_general.h>

#include "cpubound.h"
#include "lineends.h"
#include "rawwire.h"
#include "target.h"

static void check_tree(const eg_rawmail *mail, apr_pool_t *pool)
{
    apr_size_t at = 0;

    must(mail->parts->nelts >= 1 && mail->parts->nelts <= EG_RAW_PARTS_MAX);
    for (int i = 0; i < mail->parts->nelts; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);
        apr_size_t field_at = part->at;

        must(at <= part->at && part->at <= part->header_end && part->header_end <= part->body);
        must(part->body <= part->end && part->end <= mail->bytes.size);
        for (int n = 0; n < part->fields->nelts; n++) {
            const eg_rawfield *field = eg_rawpart_field(part, n);

            must(field->at == field_at && field->at + !mail->is_open <= field->colon &&
                 field->colon < field->end);
            must(strlen(eg_rawfield_value(mail, field, pool)) < field->end - field->colon);
            field_at = field->end;
        }
        must(field_at == part->header_end);
        at = part->is_multipart ? part->body : part->end;
    }
}

static void require_same(const eg_rawmail *mail, const eg_rawmail *fitted, apr_pool_t *pool)
{
    must(mail->parts->nelts == fitted->parts->nelts);
    for (int i = 0; i < mail->parts->nelts; i++) {
        const eg_rawpart *old = eg_rawmail_part(mail, i), *new = eg_rawmail_part(fitted, i);
        eg_bytes a = eg_rawmail_range(mail, old->body, old->end),
                 b = eg_rawmail_range(fitted, new->body, new->end);

        must(old->is_multipart || eg_mimecode_check(b) == EG_MIME_FITS);
        if (eg_mimecode_check(a) != EG_MIME_FITS && !old->is_multipart) {
            must(eg_mimecode_decode(&a, a, old->code, pool) == APR_SUCCESS);
            must(eg_mimecode_decode(&b, b, new->code, pool) == APR_SUCCESS);
        }
        must(old->is_multipart || (a.size == b.size && memcmp(a.data, b.data, a.size) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    const char *problem;
    eg_rawmail mail, fitted;
    eg_edits edits;
    eg_bytes bytes;
    clock_t begun = clock();
    apr_pool_t *pool;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    bytes = lineends_of(data, size, pool);
    if (eg_rawmail_parse(&mail, &problem, bytes, pool) == APR_SUCCESS) {
        check_tree(&mail, pool);
        eg_edits_init(&edits, bytes.data, bytes.size, pool);
        if (eg_rawwire_fit(&edits, &mail, pool) == EG_MIME_FITS) {
            eg_bytes made = eg_edits_make(&edits, pool);

            must(eg_rawmail_parse(&fitted, &problem, made, pool) == APR_SUCCESS);
            check_tree(&fitted, pool);
            require_same(&mail, &fitted, pool);
        }
    }
    if (eg_rawmail_open(&mail, &problem, bytes, pool) == APR_SUCCESS) {
        check_tree(&mail, pool);
    }
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
