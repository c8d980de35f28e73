/* eg_mail_parse: whatever it takes is fit for a header, an envelope and a statement. */
#include <string.h>

#include <apr_general.h>

#include "cpubound.h"
#include "json.h"
#include "mail.h"
#include "target.h"
#include "utf8.h"

static void must_be_lines(const apr_array_header_t *list)
{
    for (int i = 0; i < list->nelts; i++) {
        const eg_mail_address *address = &APR_ARRAY_IDX(list, i, eg_mail_address);

        must(eg_mail_is_line(address->name));
        must(eg_mail_is_line(address->box.address) && strlen(address->box.address) <= EG_MAILBOX_MAX);
        must(strchr(address->box.domain, '.') != NULL);
    }
}

static void check(const eg_mail *mail)
{
    const char *text;
    size_t i;
    json_t *header;

    must_be_lines(mail->to);
    must_be_lines(mail->cc);
    must_be_lines(mail->bcc);
    must_be_lines(mail->reply_to);
    must(mail->template_given || eg_mail_is_line(mail->subject));
    json_array_foreach(mail->headers, i, header)
    {
        text = json_string_value(json_array_get(header, 0));
        must(eg_mail_is_line(text) && strpbrk(text, ": ") == NULL);
        must(eg_mail_is_line(json_string_value(json_array_get(header, 1))));
    }
    for (int n = 0; n < mail->attachments->nelts; n++) {
        const eg_mail_attachment *attachment = &APR_ARRAY_IDX(mail->attachments, n, eg_mail_attachment);

        must(eg_mail_is_line(attachment->filename) && strpbrk(attachment->filename, "/\\") == NULL);
        must(eg_mail_is_line(attachment->type));
        must(attachment->content_id == NULL || strpbrk(attachment->content_id, "<> \r\n") == NULL);
        must(eg_utf8_valid(attachment->filename, strlen(attachment->filename)));
    }
}

/* With a template: what is filled in is fit for the same. */
static void check_filled(eg_mail *mail, eg_call *call)
{
    if (!mail->template_given || mail->list_given) {
        return;
    }
    eg_mail_take_template(mail, call, "{{ name }} {{{ a.b }}}", "<p>{{ name }} {{{ a }}}",
                          "{{ email }} {{ a }}");
    if (eg_errors_any(&call->errors)) {
        return;
    }
    eg_mail_fill(mail, call);
    must(eg_mail_is_line(mail->subject) && strlen(mail->subject) <= EG_SUBJECT_MAX);
    must(eg_utf8_valid(mail->subject, strlen(mail->subject)));
    must(mail->html != NULL || mail->plain != NULL);
    must(eg_errors_any(&call->errors) || mail->size <= EG_MAIL_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const eg_limits limits = { .to_max = 50, .cc_max = 50, .bcc_max = 50, .reply_to_max = 10 };
    eg_call call = { .limits = &limits, .now = apr_time_from_sec(1800000000) };
    const char *problem;
    clock_t begun = clock();
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    call.pool = pool;
    call.from_form = size % 2;
    call.values_left = EG_JSON_VALUES_MAX;
    eg_errors_init(&call.errors, pool);
    if (eg_json_parse(&call.args, &problem, (const char *)data, size, pool) == APR_SUCCESS &&
        json_is_object(call.args)) {
        eg_mail mail;

        eg_mail_parse(&mail, &call);
        if (!eg_errors_any(&call.errors)) {
            check(&mail);
            check_filled(&mail, &call);
        }
        json_decref(eg_errors_json(&call.errors));
    }
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
