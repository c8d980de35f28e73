/* Attachments: base64 content, a file name without folders, a type without tricks. */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "base64.h"
#include "json.h"
#include "mail.h"
#include "token.h"
#include "utf8.h"

/* An attachment's text member; NULL when absent, and for what is no string. */
static const char *member(const json_t *attachment, const char *name)
{
    return json_string_value(eg_json_get(attachment, name));
}

/* The member that is there and is no string, or NULL. */
static const char *no_string(const json_t *attachment)
{
    static const char *const names[] = { "filename", "content", "type", "disposition", "contentid" };

    for (apr_size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = eg_json_get(attachment, names[i]);

        if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
            return names[i];
        }
    }
    return NULL;
}

/*
 * What remains of a name behind its folders, without controls, line
 * separators and marks that turn the reading direction, cut to what a file
 * system takes. "=?" loses its second half: many readers decode words of
 * RFC 2047 also in a file name, where line ends could come out of them.
 */
static const char *clean_filename(const char *name, apr_pool_t *pool)
{
    apr_size_t length, size = 0, step;
    apr_uint32_t code;
    char *clean;

    for (const char *slash = strpbrk(name, "/\\"); slash != NULL; slash = strpbrk(name, "/\\")) {
        name = slash + 1;
    }
    length = strlen(name);
    clean = apr_palloc(pool, length + 1);
    for (apr_size_t at = 0; at < length; at += step) {
        step = eg_utf8_next(&code, name + at, length - at);
        if (step == 0 || size + step > EG_FILENAME_MAX) {
            break;
        }
        if (!eg_utf8_is_control(code) && !(code == '?' && size > 0 && clean[size - 1] == '=')) {
            memcpy(clean + size, name + at, step);
            size += step;
        }
    }
    clean[size] = '\0';
    return size == 0 || strcmp(clean, ".") == 0 || strcmp(clean, "..") == 0 ? "attachment" : clean;
}

/* Without the angle brackets that some clients put round it. */
static const char *bare_content_id(const char *id, apr_pool_t *pool)
{
    apr_size_t length = strlen(id);

    return length > 1 && id[0] == '<' && id[length - 1] == '>' ? apr_pstrmemdup(pool, id + 1, length - 2)
                                                               : id;
}

static int content_id_known(const eg_mail *mail, const char *id)
{
    for (int i = 0; i < mail->attachments->nelts; i++) {
        const char *known = APR_ARRAY_IDX(mail->attachments, i, eg_mail_attachment).content_id;

        if (known != NULL && strcmp(known, id) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What is wrong with an attachment, NULL for nothing. */
static const char *parse_attachment(eg_mail_attachment *attachment, const eg_mail *mail, const json_t *value,
                                    apr_pool_t *pool)
{
    const char *type = member(value, "type"), *disposition = member(value, "disposition");
    const char *id = member(value, "contentid"), *content = member(value, "content");
    eg_media_type media;

    if (no_string(value) != NULL) {
        return apr_psprintf(pool, "'%s' must be a string", no_string(value));
    }
    if (content == NULL) {
        return "'content' is missing";
    }
    if (eg_json_twice(value) != NULL) {
        return "a member is given twice";
    }
    if (eg_base64_decode(&attachment->content, content, strlen(content), pool) != APR_SUCCESS) {
        return "'content' is not valid base64";
    }
    if (eg_media_type_parse(&media, type != NULL && *type ? type : "application/octet-stream", pool) !=
        APR_SUCCESS) {
        return "'type' must be a media type such as application/pdf, with no parameter but charset";
    }
    attachment->type = eg_media_type_format(&media, pool);
    attachment->content_id = id != NULL && *id ? bare_content_id(id, pool) : NULL;
    if (attachment->content_id != NULL && !eg_content_id_valid(attachment->content_id)) {
        return "'contentid' must be printable ASCII without space, quotes, commas and brackets";
    }
    if (attachment->content_id != NULL && content_id_known(mail, attachment->content_id)) {
        return "'contentid' is used by an earlier attachment";
    }
    if (disposition == NULL || *disposition == '\0') {
        disposition = attachment->content_id != NULL ? "inline" : "attachment";
    }
    attachment->disposition = apr_cstr_casecmp(disposition, "inline") == 0 ? "inline" : "attachment";
    return apr_cstr_casecmp(disposition, attachment->disposition) == 0
               ? NULL
               : "'disposition' must be attachment or inline";
}

void eg_mail_parse_attachments(eg_mail *mail, eg_call *call)
{
    json_t *list = eg_mail_structure(call, "Attachments"), *value;
    size_t i;

    mail->attachments = apr_array_make(call->pool, 1, sizeof(eg_mail_attachment));
    if (list == NULL) {
        return;
    }
    if (!json_is_array(list)) {
        eg_errors_add(&call->errors, EG_E_ATTACHMENT, "Invalid Attachments: it must be an array of objects");
        return;
    }
    if (json_array_size(list) > EG_ATTACHMENT_COUNT_MAX) {
        eg_errors_add(&call->errors, EG_E_ATTACHMENT, "Invalid Attachments: there are more than %d",
                      EG_ATTACHMENT_COUNT_MAX);
        return;
    }
    json_array_foreach(list, i, value)
    {
        const char *name = member(value, "filename"), *problem;
        eg_mail_attachment attachment;

        name = name != NULL ? name : "";
        problem = json_is_object(value) ? parse_attachment(&attachment, mail, value, call->pool)
                                        : "it must be an object";
        if (problem != NULL) {
            eg_errors_add(&call->errors, EG_E_ATTACHMENT, "Invalid attachment %d ('%s'): %s", (int)i + 1,
                          eg_utf8_excerpt(name, strlen(name), call->pool), problem);
            continue;
        }
        attachment.filename = clean_filename(name, call->pool);
        mail->size += attachment.content.size;
        APR_ARRAY_PUSH(mail->attachments, eg_mail_attachment) = attachment;
    }
}

apr_size_t eg_mail_attached(const eg_mail *mail)
{
    apr_size_t bytes = 0;

    for (int i = 0; i < mail->attachments->nelts; i++) {
        bytes += APR_ARRAY_IDX(mail->attachments, i, eg_mail_attachment).content.size;
    }
    return bytes;
}
