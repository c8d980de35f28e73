/* What the header of a message handed in by SMTP asks the gateway for, by the rules of the API's parameters. */
#include <string.h>

#include <apr_strings.h>

#include "headerwords.h"
#include "json.h"
#include "rawfield.h"
#include "smtp_message.h"

#define MESSAGE_ID "Message-ID"
#define MESSAGE_ID_MAX 998 /* bytes */

/* A field's value as text, NULL without the field. */
static const char *value_of(const eg_smtp_message *m, const char *name, apr_size_t max)
{
    const eg_rawfield *field = eg_rawpart_find(&m->raw, m->header, name);

    return field != NULL
               ? eg_headerwords_decode(eg_rawfield_value(&m->raw, field, m->call->pool), max, m->call->pool)
               : NULL;
}

/* Words that are parted by commas; what is empty is none. */
static json_t *split(const char *value, apr_pool_t *pool)
{
    json_t *list = json_array();
    char *rest = apr_pstrdup(pool, value), *word;

    while ((word = strsep(&rest, ",")) != NULL) {
        apr_size_t length;

        word += strspn(word, " \t");
        length = strlen(word);
        while (length > 0 && strchr(" \t", word[length - 1])) {
            length--;
        }
        if (length > 0) {
            json_array_append_new(list, json_stringn(word, length));
        }
    }
    return list;
}

/* The fields and the parameters of POST /api/v1/email that they are. */
static const struct {
    const char *field, *parameter;
} options[] = {
    { "X-EG-Tags", "Tags" },      { "X-EG-Track-Links", "TrackLinks" }, { "X-EG-Track-Opens", "TrackOpens" },
    { "X-EG-Send-At", "SendAt" }, { EG_TLS_FIELD, "Headers" },
};

static json_t *argument(const eg_smtp_message *m, const char *field, const char *value)
{
    return strcmp(field, "X-EG-Tags") == 0    ? split(value, m->call->pool)
           : strcmp(field, EG_TLS_FIELD) == 0 ? json_pack("{s:s}", EG_TLS_FIELD, value)
                                              : json_string(value);
}

/* The API's words, with the name of the field in the place of the parameter's. */
static int refuse_option(eg_smtp_message *m, const char *field)
{
    const char *said = strchr(eg_errors_first(&m->call->errors)->message, ':');

    return eg_smtp_refuse(m, 550, "5.6.0", "Invalid %s%s", field, said != NULL ? said : "");
}

/* One by one, so that it is known whose a fault is. */
static int read_option(eg_smtp_message *m, int i)
{
    const char *value = value_of(m, options[i].field, EG_RAW_HEADER_MAX);

    if (value == NULL) {
        return 1;
    }
    /* To the API an empty parameter is none; a field that stands there was meant to say something. */
    if (*value == '\0' && strcmp(options[i].field, "X-EG-Tags") != 0) {
        return eg_smtp_refuse(m, 550, "5.6.0", "Invalid %s: it is empty", options[i].field);
    }
    json_object_set_new(m->call->args, options[i].parameter, argument(m, options[i].field, value));
    eg_mail_parse_options(&m->mail, m->call);
    eg_mail_parse_headers(&m->mail, m->call);
    return eg_errors_any(&m->call->errors) ? refuse_option(m, options[i].field) : 1;
}

/* One that is not known is a slip, or was meant for a gateway that knows more: it must not go unheard. */
static int check_names(eg_smtp_message *m)
{
    for (int i = 0; i < m->header->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(m->header, i);
        int known = !eg_rawfield_is(&m->raw, field, "X-EG-*");

        for (apr_size_t n = 0; n < sizeof options / sizeof *options; n++) {
            known |= eg_rawfield_is(&m->raw, field, options[n].field);
        }
        if (!known) {
            return eg_smtp_refuse(m, 550, "5.6.0", "The header field %.*s is not known",
                                  (int)(field->colon - field->at),
                                  (const char *)m->raw.bytes.data + field->at);
        }
    }
    return 1;
}

static int read_idempotency_key(eg_smtp_message *m)
{
    const char *key = value_of(m, "Idempotency-Key", EG_RAW_HEADER_MAX);
    apr_size_t length = key != NULL ? strlen(key) : 0;

    if (key != NULL && (length == 0 || length > EG_IDEMPOTENCY_KEY_MAX)) {
        return eg_smtp_refuse(m, 550, "5.6.0", "Invalid Idempotency-Key: it must have 1 to %d characters",
                              EG_IDEMPOTENCY_KEY_MAX);
    }
    m->idempotency_key = key;
    return 1;
}

/* Its own, by which who wrote it knows it: events show it (sql show_events). */
static void keep_message_id(eg_smtp_message *m)
{
    const char *value = value_of(m, MESSAGE_ID, MESSAGE_ID_MAX);

    if (value != NULL && *value != '\0') {
        json_array_append_new(m->mail.headers, json_pack("[s, s]", MESSAGE_ID, value));
    }
}

int eg_smtp_message_options(eg_smtp_message *m)
{
    const char *subject = value_of(m, "Subject", EG_SUBJECT_MAX);

    m->mail.subject = subject != NULL ? subject : "";
    m->mail.attachments = apr_array_make(m->call->pool, 1, sizeof(eg_mail_attachment));
    m->call->args = eg_json_own(json_object(), m->call->pool);
    m->call->from_form = 0;
    eg_errors_init(&m->call->errors, m->call->pool);
    eg_mail_parse_options(&m->mail, m->call); /* what holds without any of them */
    eg_mail_parse_headers(&m->mail, m->call);
    for (int i = 0; i < (int)(sizeof options / sizeof *options); i++) {
        if (!read_option(m, i)) {
            return 0;
        }
    }
    keep_message_id(m);
    return check_names(m) && read_idempotency_key(m);
}
