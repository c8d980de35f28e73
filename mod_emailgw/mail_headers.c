/* Headers: custom fields, except those that the gateway writes itself. */
#include <string.h>

#include <apr_cstr.h>

#include "fieldlist.h"
#include "fieldsyntax.h"
#include "json.h"
#include "mail.h"
#include "token.h"
#include "utf8.h"

/* List-Unsubscribe depends on the domain: accept() decides. */
static const char *const owned[] = { "From",     "To",        "Cc",           "Bcc",         "Reply-To",
                                     "Subject",  "Date",      "Message-ID",   "Return-Path", "DKIM-Signature",
                                     "Received", "Content-*", "MIME-Version", "Sender",      "Feedback-ID" };

static int is_owned(const char *name)
{
    for (apr_size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        if (eg_field_is(name, owned[i])) {
            return 1;
        }
    }
    return 0;
}

/* No field of the mail: how it is to be delivered. */
static void add_tls_wish(eg_mail *mail, eg_call *call, const json_t *value)
{
    if (!json_is_string(value) || apr_cstr_casecmp(json_string_value(value), "required") != 0) {
        eg_errors_add(&call->errors, EG_E_HEADER,
                      "Invalid value of header '" EG_TLS_FIELD "' in Headers: only 'required' is allowed");
        return;
    }
    json_array_append_new(mail->headers, json_pack("[s, s]", EG_TLS_FIELD, "required"));
}

/* Where encoded words would be no text: who sends this shall know it. */
static int has_its_syntax(const char *name, const char *value, apr_pool_t *pool)
{
    eg_fieldsyntax parts;

    return !eg_fieldsyntax_has(name) || eg_fieldsyntax_read(&parts, name, value, pool) == APR_SUCCESS;
}

static void add_header(eg_mail *mail, eg_call *call, const char *name, const json_t *value)
{
    const char *shown = eg_utf8_excerpt(name, strlen(name), call->pool);

    if (!eg_field_name_valid(name)) {
        eg_errors_add(
            &call->errors, EG_E_HEADER,
            "Invalid header name '%s' in Headers: 1 to %d printable ASCII characters without space or colon",
            shown, EG_FIELD_NAME_MAX);
    }
    else if (is_owned(name)) {
        eg_errors_add(&call->errors, EG_E_HEADER,
                      "Header '%s' cannot be set in Headers: the gateway writes it", shown);
    }
    else if (apr_cstr_casecmp(name, EG_TLS_FIELD) == 0) {
        add_tls_wish(mail, call, value);
    }
    else if (!json_is_string(value) || !eg_mail_is_line(json_string_value(value))) {
        eg_errors_add(&call->errors, EG_E_HEADER,
                      "Invalid value of header '%s' in Headers: it must be a string without CR, LF or NUL",
                      shown);
    }
    else if (!has_its_syntax(name, json_string_value(value), call->pool)) {
        eg_errors_add(&call->errors, EG_E_HEADER,
                      "Invalid value of header '%s' in Headers: printable ASCII is all that it may have, "
                      "but for a name before <...>, and words of at most %d characters",
                      shown, (int)(EG_WIRE_LINE_MAX - strlen(name) - strlen(": ")));
    }
    else {
        json_array_append_new(mail->headers, json_pack("[s, O]", name, value));
    }
}

void eg_mail_parse_headers(eg_mail *mail, eg_call *call)
{
    json_t *headers = eg_mail_structure(call, "Headers"), *value;
    const char *name, *twice = eg_json_twice(headers);
    apr_size_t bytes = 0;

    mail->headers = eg_json_own(json_array(), call->pool);
    if (headers == NULL || (json_is_array(headers) && json_array_size(headers) == 0)) {
        return;
    }
    if (!json_is_object(headers)) {
        eg_errors_add(&call->errors, EG_E_HEADER,
                      "Invalid Headers: it must be an object of names and values");
        return;
    }
    if (json_object_size(headers) > EG_HEADER_COUNT_MAX) {
        eg_errors_add(&call->errors, EG_E_HEADER, "Invalid Headers: there are more than %d",
                      EG_HEADER_COUNT_MAX);
        return;
    }
    if (twice != NULL) {
        eg_errors_add(&call->errors, EG_E_HEADER, "Header '%s' is given twice in Headers",
                      eg_utf8_excerpt(twice, strlen(twice), call->pool));
    }
    json_object_foreach(headers, name, value)
    {
        bytes += strlen(name) + json_string_length(value);
        add_header(mail, call, name, value);
    }
    if (bytes > EG_HEADERS_MAX) {
        eg_errors_add(&call->errors, EG_E_HEADER, "Invalid Headers: they have more than %d bytes together",
                      EG_HEADERS_MAX);
    }
}
