#include "mail.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "datetime.h"
#include "json.h"
#include "template.h"
#include "textlist.h"
#include "utf8.h"

/* A parameter that may be left out; HTML forms send what was not filled in as an empty string. */
static json_t *optional(const eg_call *call, const char *name)
{
    json_t *value = eg_call_arg(call, name);

    return json_is_string(value) && json_string_length(value) == 0 ? NULL : value;
}

json_t *eg_mail_structure(eg_call *call, const char *name)
{
    json_t *value = optional(call, name), *parsed;
    const char *text = json_string_value(value), *problem;
    apr_size_t length, values;

    if (!call->from_form || text == NULL) {
        return value;
    }
    text += strspn(text, " \t\r\n");
    if (*text != '{' && *text != '[') {
        return value;
    }
    length = strlen(text);
    values = eg_json_values(text, length);
    if (values > call->values_left) {
        return json_null(); /* not the text: a short one would do as a tag */
    }
    call->values_left -= values;
    return eg_json_parse_many(&parsed, &problem, text, length, values, call->pool) == APR_SUCCESS ? parsed
                                                                                                  : value;
}

int eg_mail_is_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL; /* JSON and forms refuse NUL */
}

/* A parameter of text; an empty one counts as missing. NULL, with the error noted, where it is no text. */
static const char *required_text(eg_call *call, const char *name, int code)
{
    json_t *value = eg_call_arg(call, name);

    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        eg_errors_add(&call->errors, code, "Missing %s", name);
        return NULL;
    }
    if (!json_is_string(value)) {
        eg_errors_add(&call->errors, code, "Invalid %s: it must be a string", name);
        return NULL;
    }
    return json_string_value(value);
}

/* The same for one that the template may have instead. */
static const char *given_text(eg_mail *mail, eg_call *call, const char *name, int code)
{
    return mail->template_given && optional(call, name) == NULL ? NULL : required_text(call, name, code);
}

/* Where fields are filled in, a text must be a template. */
static void check_fields(eg_mail *mail, eg_call *call, const char *name, const char *text, int code)
{
    eg_template_fault fault;

    if (text != NULL && eg_mail_is_template(mail) && eg_template_check(&fault, text) != APR_SUCCESS) {
        eg_errors_add(&call->errors, code, "Invalid %s: line %d, column %d: %s", name, fault.line,
                      fault.column, fault.problem);
    }
}

static void parse_subject(eg_mail *mail, eg_call *call)
{
    const char *subject = given_text(mail, call, "Subject", EG_E_SUBJECT);

    mail->subject = subject;
    if (subject == NULL) {
        return;
    }
    if (strlen(subject) > EG_SUBJECT_MAX) {
        eg_errors_add(&call->errors, EG_E_SUBJECT, "Invalid Subject: it has more than %d bytes",
                      EG_SUBJECT_MAX);
    }
    else if (!eg_mail_is_line(subject)) {
        eg_errors_add(&call->errors, EG_E_SUBJECT, "Invalid Subject: it must not contain CR or LF");
    }
    check_fields(mail, call, "Subject", subject, EG_E_SUBJECT);
}

/* NULL, and with a template no error, where it is not there. */
static const char *parse_content_type(eg_mail *mail, eg_call *call)
{
    static const char *const types[] = { "html", "plain", "multipart" };
    const char *given = given_text(mail, call, "ContentType", EG_E_CONTENT_TYPE);

    for (int i = 0; given != NULL && i < 3; i++) {
        if (apr_cstr_casecmp(given, types[i]) == 0) {
            return types[i];
        }
    }
    if (given != NULL) {
        eg_errors_add(&call->errors, EG_E_CONTENT_TYPE,
                      "Invalid ContentType '%s': it must be html, plain or multipart",
                      eg_utf8_excerpt(given, strlen(given), call->pool));
    }
    return NULL;
}

static void parse_contents(eg_mail *mail, eg_call *call)
{
    const char *type = mail->content_type = parse_content_type(mail, call);
    int html = type != NULL && strcmp(type, "html") == 0;
    int plain = type != NULL && strcmp(type, "plain") == 0;

    if (type == NULL && !mail->template_given) {
        return;
    }
    if (!plain) {
        mail->html = given_text(mail, call, "HtmlContent", EG_E_HTML);
    }
    if (!html || optional(call, "PlainContent") != NULL) {
        mail->plain = given_text(mail, call, "PlainContent", EG_E_PLAIN);
    }
    check_fields(mail, call, "HtmlContent", mail->html, EG_E_HTML);
    check_fields(mail, call, "PlainContent", mail->plain, EG_E_PLAIN);
    mail->size += (mail->html ? strlen(mail->html) : 0) + (mail->plain ? strlen(mail->plain) : 0);
}

static void add_tag(eg_mail *mail, eg_call *call, const json_t *value)
{
    const char *tag = json_string_value(value);

    if (tag == NULL || *tag == '\0' || strlen(tag) > EG_TAG_MAX || !eg_mail_is_line(tag)) {
        eg_errors_add(&call->errors, EG_E_TAG,
                      "Invalid Tags: each must be a string of 1 to %d bytes without CR or LF", EG_TAG_MAX);
        return;
    }
    if (eg_textlist_has(mail->tags, tag)) {
        return;
    }
    if (mail->tags->nelts == EG_TAG_COUNT_MAX) {
        eg_errors_add(&call->errors, EG_E_TAG, "Invalid Tags: there are more than %d", EG_TAG_COUNT_MAX);
        return;
    }
    APR_ARRAY_PUSH(mail->tags, const char *) = tag;
}

static void parse_tags(eg_mail *mail, eg_call *call)
{
    json_t *tags = eg_mail_structure(call, "Tags"), *tag;
    size_t i;

    mail->tags = apr_array_make(call->pool, 4, sizeof(const char *));
    if (!json_is_array(tags)) {
        if (tags != NULL) {
            add_tag(mail, call, tags);
        }
        return;
    }
    json_array_foreach(tags, i, tag)
    {
        if (i > 10 * EG_TAG_COUNT_MAX) {
            break; /* far too many: said already */
        }
        add_tag(mail, call, tag);
    }
}

/* Where tracking is off, it is off for the mail, whatever it asks for and its domain says. */
static const char *parse_tracking(eg_call *call, const char *name)
{
    json_t *value = optional(call, name);
    int flag;

    if (value == NULL) {
        return call->limits->tracking_off ? "f" : NULL;
    }
    if (eg_json_bool(&flag, value) != APR_SUCCESS) {
        eg_errors_add(&call->errors, EG_E_TRACKING, "Invalid %s: it must be true or false", name);
        return NULL;
    }
    return flag && !call->limits->tracking_off ? "t" : "f";
}

static apr_int64_t parse_id(eg_call *call, const char *name)
{
    json_t *value = optional(call, name);
    apr_int64_t id = 0;

    if (value != NULL && eg_json_int(&id, value, 1, EG_ID_MAX) != APR_SUCCESS) {
        eg_errors_add(&call->errors, EG_E_CONTEXT, "Invalid %s: it must be a whole number from 1 to 2^53-1",
                      name);
    }
    return id;
}

void eg_mail_parse_send_at(apr_time_t *send_at, eg_call *call)
{
    json_t *value = optional(call, "SendAt");
    apr_int64_t seconds;
    apr_time_t at;

    if (value == NULL) {
        return;
    }
    if (json_is_integer(value)
            ? eg_json_int(&seconds, value, 0, APR_INT64_C(253402300799)) != APR_SUCCESS
            : !json_is_string(value) || eg_datetime_parse(&at, json_string_value(value)) != APR_SUCCESS) {
        eg_errors_add(
            &call->errors, EG_E_SEND_AT,
            "Invalid SendAt: it must be Unix seconds or an ISO 8601 time such as 2026-01-31T08:00:00Z");
        return;
    }
    if (json_is_integer(value)) {
        at = apr_time_from_sec(seconds);
    }
    if (at > call->now + apr_time_from_sec((apr_int64_t)EG_SEND_AT_MAX_DAYS * 86400)) {
        eg_errors_add(&call->errors, EG_E_SEND_AT, "Invalid SendAt: it is more than %d days ahead",
                      EG_SEND_AT_MAX_DAYS);
        return;
    }
    *send_at = at > call->now ? at : 0;
}

void eg_mail_parse_options(eg_mail *mail, eg_call *call)
{
    parse_tags(mail, call);
    eg_mail_parse_send_at(&mail->send_at, call);
    mail->track_links = parse_tracking(call, "TrackLinks");
    mail->track_opens = parse_tracking(call, "TrackOpens");
}

void eg_mail_parse(eg_mail *mail, eg_call *call)
{
    memset(mail, 0, sizeof *mail);
    eg_mail_parse_template(mail, call);
    parse_subject(mail, call);
    parse_contents(mail, call);
    eg_mail_parse_addresses(mail, call);
    eg_mail_parse_headers(mail, call);
    eg_mail_parse_attachments(mail, call);
    eg_mail_parse_options(mail, call);
    mail->list_id = parse_id(call, "ListID");
    mail->subscriber_id = parse_id(call, "SubscriberID");
    mail->journey_id = parse_id(call, "JourneyID");
    mail->action_id = parse_id(call, "ActionID");
    eg_mail_check_size(mail, call);
}

void eg_mail_check_size(eg_mail *mail, eg_call *call)
{
    if (mail->size > EG_MAIL_BYTES_MAX) {
        eg_errors_add(&call->errors, EG_E_TOO_LARGE,
                      "The mail is too large: contents and attachments have %" APR_SIZE_T_FMT
                      " bytes, %d are allowed",
                      mail->size, EG_MAIL_BYTES_MAX);
    }
}
