#include "smtp_message.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

#include "datetime.h"
#include "rawfield.h"
#include "rawwire.h"
#include "utf8.h"

/* What is put into a header here, and must fit into it: Received, Content-Type, Content-Transfer-Encoding. */
#define HEADER_ROOM 1024 /* bytes */
#define FIELDS_ROOM 4

static const char *const once[] = { "From",
                                    "Sender",
                                    "Reply-To",
                                    "To",
                                    "Cc",
                                    "Subject",
                                    "Date",
                                    "Message-ID",
                                    "MIME-Version",
                                    "Content-Type",
                                    "Idempotency-Key",
                                    "Content-Transfer-Encoding",
                                    "X-EG-Tags",
                                    "X-EG-Track-Links",
                                    "X-EG-Track-Opens",
                                    "X-EG-Send-At",
                                    "X-EG-TLS",
                                    NULL };
static const char *const removed[] = {
    "Bcc", "Resent-Bcc", "Return-Path", "X-EG-*", "Idempotency-Key", NULL
};
/* The sender's own come where these are missing: one that is empty says no more. */
static const char *const added[] = { "Date", "Message-ID", "MIME-Version", "Feedback-ID", NULL };

int eg_smtp_refuse(eg_smtp_message *m, int code, const char *enhanced, const char *format, ...)
{
    char *text = apr_palloc(m->call->pool, EG_SMTP_TEXT_MAX + 1);
    va_list args;
    const char *whole;

    va_start(args, format);
    whole = apr_pvsprintf(m->call->pool, format, args);
    va_end(args);
    eg_utf8_escape(text, EG_SMTP_TEXT_MAX + 1, whole, strlen(whole));
    m->reply = (eg_smtp_reply){ code, enhanced, text };
    return 0;
}

/* A field's name fit to be shown. */
static const char *name_of(const eg_smtp_message *m, const eg_rawfield *field)
{
    return eg_utf8_excerpt((const char *)m->raw.bytes.data + field->at, field->colon - field->at,
                           m->call->pool);
}

/* What is stored must be one that the sender can read, and with the same parts. */
static int has_room(const eg_rawmail *mail)
{
    for (int i = 0; i < mail->parts->nelts; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);

        if (part->fields->nelts > EG_RAW_FIELDS_MAX - FIELDS_ROOM ||
            part->header_end - part->at > EG_RAW_HEADER_MAX - HEADER_ROOM) {
            return 0;
        }
    }
    return 1;
}

int eg_smtp_message_read(eg_smtp_message *m, eg_bytes message)
{
    const char *problem;

    if (message.size > EG_BODY_MAX_LIMIT) {
        return eg_smtp_refuse(m, 552, "5.3.4", "The message is too large");
    }
    if (eg_rawmail_parse(&m->raw, &problem, message, m->call->pool) != APR_SUCCESS) {
        return eg_smtp_refuse(m, 554, "5.6.0", "The message cannot be read: %s", problem);
    }
    if (!has_room(&m->raw)) {
        return eg_smtp_refuse(m, 554, "5.6.0", "A header of the message has over %d fields or %d bytes",
                              EG_RAW_FIELDS_MAX - FIELDS_ROOM, EG_RAW_HEADER_MAX - HEADER_ROOM);
    }
    m->header = eg_rawmail_part(&m->raw, 0);
    for (int i = 0; once[i] != NULL; i++) {
        if (eg_rawpart_count(&m->raw, m->header, once[i]) > 1) {
            return eg_smtp_refuse(m, 554, "5.6.0", "The header has more than one %s", once[i]);
        }
    }
    if (eg_rawpart_count(&m->raw, m->header, "Received") > EG_RECEIVED_MAX) {
        return eg_smtp_refuse(m, 554, "5.4.6",
                              "The message goes round in circles: it has more than %d Received",
                              EG_RECEIVED_MAX);
    }
    eg_edits_init(&m->edits, message.data, message.size, m->call->pool);
    return 1;
}

static int is_among(const eg_smtp_message *m, const eg_rawfield *field, const char *const *names)
{
    while (*names != NULL && !eg_rawfield_is(&m->raw, field, *names)) {
        names++;
    }
    return *names != NULL;
}

static int is_removed(const eg_smtp_message *m, const eg_rawfield *field)
{
    if (is_among(m, field, removed) || (is_among(m, field, added) && eg_rawfield_is_empty(&m->raw, field))) {
        return 1;
    }
    /* Without an address Reply-To says nothing, and the credential's own stands in for it. */
    return (eg_rawfield_is(&m->raw, field, "Reply-To") && m->mail.reply_to->nelts == 0) ||
           (eg_rawfield_is(&m->raw, field, "Sender") && !m->has_sender);
}

static void remove_fields(eg_smtp_message *m)
{
    const char *data = m->raw.bytes.data;

    for (int i = 0; i < m->header->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(m->header, i);

        if (is_removed(m, field)) {
            eg_edits_replace(&m->edits, data + field->at, field->end - field->at, "");
        }
    }
}

/*
 * RFC 5321 section 4.4, so that loops can be known. Where the client is and what it
 * calls itself is left out: readers of a shop's mail need not know its servers.
 */
static const char *make_received(const eg_smtp_message *m)
{
    const char *host = m->call->limits->submission_host;
    char at[EG_DATETIME_MAIL_SIZE];

    /* Its protocol: RFC 3848, RFC 6531 section 4.3. */
    return apr_psprintf(m->call->pool, "Received: by %s with %s%s id %s;\r\n\t%s\r\n",
                        host != NULL ? host : "localhost", m->envelope->utf8 ? "UTF8SMTP" : "ESMTP",
                        m->envelope->secure ? "SA" : "A", m->message_id,
                        eg_datetime_format_mail(at, m->call->now));
}

/* Fields that do not fit the wire must at least be such that the sender can write them anew. */
static int check_fields(eg_smtp_message *m)
{
    for (int i = 0; i < m->raw.parts->nelts; i++) {
        const eg_rawpart *part = eg_rawmail_part(&m->raw, i);

        for (int n = 0; n < part->fields->nelts; n++) {
            const eg_rawfield *field = eg_rawpart_field(part, n);

            if (!eg_rawfield_fits(&m->raw, field) && !(i == 0 && is_removed(m, field)) &&
                !eg_rawfield_is_writable(&m->raw, field, m->call->pool)) {
                return eg_smtp_refuse(m, 554, "5.6.0",
                                      "The header field %s has bytes over 127 that cannot be converted, or a "
                                      "line that is too long",
                                      name_of(m, field));
            }
        }
    }
    return 1;
}

int eg_smtp_message_make(eg_smtp_message *m)
{
    eg_bytes made;

    if (!check_fields(m)) {
        return 0;
    }
    eg_edits_insert(&m->edits, m->raw.bytes.data, make_received(m));
    remove_fields(m);
    switch (eg_rawwire_fit(&m->edits, &m->raw, m->call->pool)) {
    case EG_MIME_8BIT:
        return eg_smtp_refuse(
            m, 554, "5.6.3",
            "The message has bytes over 126 or a NUL where they cannot be converted: in a "
            "part that is signed, encrypted, a message itself, not well-formed or of an unknown "
            "Content-Transfer-Encoding, or outside of all parts");
    case EG_MIME_LONG:
        return eg_smtp_refuse(m, 554, "5.6.0",
                              "The message has a line over %d bytes in a part that must not be changed",
                              EG_WIRE_LINE_MAX);
    default:
        break;
    }
    made = eg_edits_make(&m->edits, m->call->pool);
    m->mail.raw = made;
    m->mail.size = made.size;
    return 1;
}
