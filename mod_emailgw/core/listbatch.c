/* Mails to subscribers of a list, out of their templates. */
#include "listbatch.h"

#include <string.h>

#include "template.h"

void eg_listbatch_init(eg_listbatch *batch, int passed, apr_pool_t *pool)
{
    *batch = (eg_listbatch){ .mails = eg_json_own(json_array(), pool), .passed = passed };
}

/*
 * @param bytes  grows by what it costs to fill in, also where nothing comes of it
 * @return 0 when it becomes too large
 */
static int fill_content(const char **out, apr_size_t *bytes, const char *text, eg_template_kind kind,
                        const eg_template_fields *fields, apr_pool_t *pool)
{
    *out = NULL;
    if (text == NULL) {
        return 1;
    }
    if (eg_template_fill(out, text, kind, fields, EG_LIST_MAIL_MAX, pool) != APR_SUCCESS) {
        *bytes += EG_LIST_MAIL_MAX;
        return 0;
    }
    *bytes += strlen(*out);
    return 1;
}

/* @param pool  of this subscriber alone: what is kept is copied out of it */
static void add_one(eg_listbatch *batch, const eg_listmail *mail, const eg_rows *rows, int row,
                    apr_pool_t *pool)
{
    const char *email = eg_rows_text(rows, row, "email"), *name = eg_rows_text(rows, row, "name");
    json_t *recipient = eg_json_own(json_pack("{s:s, s:s}", "email", email, "name", name), pool);
    const eg_template_fields fields = { { eg_json_stored(eg_rows_text(rows, row, "fields"), pool), mail->data,
                                          recipient } };
    const char *subject, *html, *plain;
    apr_size_t size = 0;
    int is_made = fill_content(&html, &size, mail->html, EG_TEMPLATE_HTML, &fields, pool) &&
                  fill_content(&plain, &size, mail->plain, EG_TEMPLATE_PLAIN, &fields, pool) &&
                  eg_template_fill(&subject, mail->subject, EG_TEMPLATE_LINE, &fields, EG_SUBJECT_MAX,
                                   pool) == APR_SUCCESS;

    batch->bytes += size;
    if (!is_made) {
        batch->failed++;
        return;
    }
    batch->passed++;
    json_array_append_new(batch->mails,
                          json_pack("{s:i, s:I, s:s, s:s, s:s, s:s?, s:s?, s:I}", "no", batch->passed,
                                    "subscriber_id", (json_int_t)eg_rows_int(rows, row, "subscriber_id"),
                                    "email", email, "name", name, "subject", subject, "html", html, "plain",
                                    plain, "size", (json_int_t)(size + mail->attached)));
}

int eg_listbatch_add(eg_listbatch *batch, const eg_listmail *mail, const eg_rows *rows, apr_size_t max,
                     apr_pool_t *pool)
{
    apr_pool_t *own;
    int row;

    apr_pool_create(&own, pool);
    for (row = 0; row < eg_rows_count(rows) && batch->bytes <= max; row++) {
        if (eg_rows_bool(rows, row, "suppressed")) {
            batch->suppressed++;
        }
        else {
            add_one(batch, mail, rows, row, own);
            apr_pool_clear(own);
        }
        batch->after = eg_rows_int(rows, row, "subscriber_id");
    }
    apr_pool_destroy(own);
    return row;
}
