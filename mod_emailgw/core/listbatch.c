/* Mails to subscribers of a list, out of their templates. */
#include "listbatch.h"

#include <string.h>

#include "template.h"

void eg_listbatch_init(eg_listbatch *batch, int passed, apr_pool_t *pool)
{
    *batch = (eg_listbatch){ .mails = eg_json_own(json_array(), pool), .passed = passed };
}

/* @return 0 when it becomes too large */
static int fill_content(const char **out, const char *text, eg_template_kind kind,
                        const eg_template_fields *fields, apr_pool_t *pool)
{
    *out = NULL;
    return text == NULL || eg_template_fill(out, text, kind, fields, EG_LIST_MAIL_MAX, pool) == APR_SUCCESS;
}

static void add_one(eg_listbatch *batch, const eg_listmail *mail, const eg_rows *rows, int row,
                    apr_pool_t *pool)
{
    const char *email = eg_rows_text(rows, row, "email"), *name = eg_rows_text(rows, row, "name");
    json_t *recipient = eg_json_own(json_pack("{s:s, s:s}", "email", email, "name", name), pool);
    const eg_template_fields fields = { { eg_json_stored(eg_rows_text(rows, row, "fields"), pool), mail->data,
                                          recipient } };
    const char *subject, *html, *plain;
    apr_size_t size;

    if (!fill_content(&html, mail->html, EG_TEMPLATE_HTML, &fields, pool) ||
        !fill_content(&plain, mail->plain, EG_TEMPLATE_PLAIN, &fields, pool) ||
        eg_template_fill(&subject, mail->subject, EG_TEMPLATE_LINE, &fields, EG_SUBJECT_MAX, pool) !=
            APR_SUCCESS) {
        batch->failed++;
        return;
    }
    size = (html != NULL ? strlen(html) : 0) + (plain != NULL ? strlen(plain) : 0);
    batch->bytes += size;
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
    int row;

    for (row = 0; row < eg_rows_count(rows) && batch->bytes <= max; row++) {
        if (eg_rows_bool(rows, row, "suppressed")) {
            batch->suppressed++;
        }
        else {
            add_one(batch, mail, rows, row, pool);
        }
        batch->after = eg_rows_int(rows, row, "subscriber_id");
    }
    return row;
}
