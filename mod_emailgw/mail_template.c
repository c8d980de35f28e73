/* TemplateID, TemplateData and TargetListID: a mail whose texts are filled in. */
#include <string.h>

#include "json.h"
#include "mail.h"
#include "template.h"

int eg_mail_read_id(apr_int64_t *id, const eg_call *call, const char *name)
{
    json_t *value = eg_call_arg(call, name);

    *id = 0;
    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        return 0;
    }
    if (eg_json_int(id, value, 1, EG_ID_MAX) != APR_SUCCESS) {
        *id = 0;
    }
    return 1;
}

int eg_mail_is_template(const eg_mail *mail)
{
    return mail->template_given || mail->list_given;
}

void eg_mail_parse_template(eg_mail *mail, eg_call *call)
{
    json_t *data = eg_mail_structure(call, "TemplateData");

    mail->template_given = eg_mail_read_id(&mail->template_id, call, "TemplateID");
    mail->list_given = eg_mail_read_id(&mail->target_list_id, call, "TargetListID");
    if (data == NULL || !eg_mail_is_template(mail)) {
        return;
    }
    if (!json_is_object(data)) {
        eg_errors_add(&call->errors, EG_E_TEMPLATE_DATA, "Invalid TemplateData: it must be an object");
    }
    else if (strlen(eg_json_text(data, call->pool)) > EG_TEMPLATE_DATA_MAX) {
        eg_errors_add(&call->errors, EG_E_TEMPLATE_DATA, "Invalid TemplateData: it has more than %d bytes",
                      EG_TEMPLATE_DATA_MAX);
    }
    mail->data = data;
}

static int is_type(const eg_mail *mail, const char *type)
{
    return mail->content_type != NULL && strcmp(mail->content_type, type) == 0;
}

void eg_mail_take_template(eg_mail *mail, eg_call *call, const char *subject, const char *html,
                           const char *plain)
{
    int multipart = is_type(mail, "multipart");

    if (mail->subject == NULL) {
        mail->subject = subject;
    }
    if (mail->html == NULL && !is_type(mail, "plain")) {
        mail->html = html;
    }
    if (mail->plain == NULL) {
        mail->plain = plain;
    }
    if (mail->html == NULL && (multipart || is_type(mail, "html"))) {
        eg_errors_add(&call->errors, EG_E_HTML, "Missing HtmlContent: the template has none");
    }
    if (mail->plain == NULL && (multipart || is_type(mail, "plain"))) {
        eg_errors_add(&call->errors, EG_E_PLAIN, "Missing PlainContent: the template has none");
    }
}

static void fill_content(const char **text, eg_mail *mail, eg_call *call, eg_template_kind kind,
                         const eg_template_fields *fields)
{
    if (*text == NULL) {
        return;
    }
    if (eg_template_fill(text, *text, kind, fields, EG_MAIL_BYTES_MAX, call->pool) != APR_SUCCESS) {
        mail->size = EG_MAIL_BYTES_MAX + 1;
        return;
    }
    mail->size += strlen(*text);
}

void eg_mail_fill(eg_mail *mail, eg_call *call)
{
    const eg_mail_address *to = &APR_ARRAY_IDX(mail->to, 0, eg_mail_address);
    json_t *recipient =
        eg_json_own(json_pack("{s:s, s:s}", "email", to->box.address, "name", to->name), call->pool);
    const eg_template_fields fields = { { NULL, mail->data, recipient } };

    mail->size = eg_mail_attached(mail);
    eg_template_fill(&mail->subject, mail->subject, EG_TEMPLATE_LINE, &fields, EG_SUBJECT_MAX, call->pool);
    fill_content(&mail->html, mail, call, EG_TEMPLATE_HTML, &fields);
    fill_content(&mail->plain, mail, call, EG_TEMPLATE_PLAIN, &fields);
    eg_mail_check_size(mail, call);
}
