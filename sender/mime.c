/*
 * A stored message as RFC 5322 / MIME bytes (GMime).
 */
#include <apr_cstr.h>
#include <apr_strings.h>
#include <gmime/gmime.h>
#include <string.h>

#include "datetime.h"
#include "header.h"
#include "json.h"
#include "keyfile.h"
#include "mime.h"
#include "mime_texts.h"
#include "token.h"
#include "transfer.h"

#define FIELDS_ROOM 1024  /* bytes that will mostly do for the header without its Content- fields */
#define SENDER_ID_BYTES 6 /* of a hash: with "eg" before them 14 characters, 5 to 15 are allowed */

static apr_status_t unref(void *object)
{
    g_object_unref(object);
    return APR_SUCCESS;
}

/* Hand a GObject's reference over to the pool. Returns it. */
static void *own(void *object, apr_pool_t *pool)
{
    apr_pool_cleanup_register(pool, object, unref, apr_pool_cleanup_null);
    return object;
}

static apr_status_t free_options(void *options)
{
    g_mime_format_options_free(options);
    return APR_SUCCESS;
}

/* -- header fields -- */

static void put_date(egs_text *text, apr_time_t date)
{
    char at[EG_DATETIME_MAIL_SIZE];

    egs_text_puts(text, apr_pstrcat(text->pool, "Date: ", eg_datetime_format_mail(at, date), "\r\n", NULL));
}

static void put_mailboxes(egs_text *text, const char *name, const json_t *list)
{
    size_t count = json_array_size(list);
    egs_address *boxes = apr_pcalloc(text->pool, (count + 1) * sizeof *boxes);
    int used = 0;

    for (size_t i = 0; i < count; i++) {
        const json_t *box = json_array_get(list, i);

        boxes[used].email = json_string_value(json_object_get(box, "email"));
        boxes[used].name = json_string_value(json_object_get(box, "name"));
        used += boxes[used].email != NULL;
    }
    if (used) {
        egs_header_addresses(text, name, boxes, used);
    }
}

/* Names were checked when the mail was accepted; one that would break the header is left out. */
static void put_custom(egs_text *text, const json_t *headers)
{
    size_t count = json_array_size(headers);

    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(headers, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));

        if (name && value && eg_field_name_valid(name) && apr_cstr_casecmp(name, EG_TLS_FIELD) != 0) {
            egs_header_text(text, name, value);
        }
    }
}

static void put_message_id(egs_text *text, const egs_content *content)
{
    egs_text_puts(text,
                  apr_psprintf(text->pool, "Message-ID: <%s@%s>\r\n", content->message_id, content->domain));
}

/*
 * Feedback-ID as Gmail has it: three values by which complaints are counted, and the
 * sender, who is known by the domain that signs. Nothing in it is of one message alone.
 */
static void put_feedback_id(egs_text *text, const egs_content *content)
{
    unsigned char hash[EG_HASH_SIZE];
    char sender[2 * SENDER_ID_BYTES + 1];

    eg_secret_hash(hash, content->domain, strlen(content->domain));
    eg_keyfile_hex(sender, hash, SENDER_ID_BYTES);
    egs_text_puts(text, apr_psprintf(text->pool,
                                     "Feedback-ID: l%" APR_INT64_T_FMT ":d%" APR_INT64_T_FMT
                                     ":a%" APR_INT64_T_FMT ":eg%s\r\n",
                                     content->list_id, content->domain_id, content->account_id, sender));
}

/* One click of the mail program's own button unsubscribes (RFC 8058 section 3.1). */
static void put_unsubscribe(egs_text *text, const char *url)
{
    egs_header_text(text, "List-Unsubscribe", apr_pstrcat(text->pool, "<", url, ">", NULL));
    egs_text_puts(text, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n");
}

static void put_fields(egs_text *text, const egs_content *content, const char *unsubscribe)
{
    egs_address from = { content->from_email, content->from_name };

    put_date(text, content->date);
    egs_header_addresses(text, "From", &from, 1);
    put_mailboxes(text, "Reply-To", content->reply_to);
    put_mailboxes(text, "To", content->to);
    put_mailboxes(text, "Cc", content->cc);
    egs_header_text(text, "Subject", content->subject ? content->subject : "");
    put_message_id(text, content);
    put_feedback_id(text, content);
    put_custom(text, content->headers);
    if (unsubscribe) {
        put_unsubscribe(text, unsubscribe);
    }
    egs_text_puts(text, "MIME-Version: 1.0\r\n");
}

void egs_mime_fields(egs_text *text, const egs_content *content, int wanted, const char *unsubscribe)
{
    egs_address from = { content->from_email, content->from_name };

    if (wanted & EGS_MIME_DATE) {
        put_date(text, content->date);
    }
    if (wanted & EGS_MIME_FROM) {
        egs_header_addresses(text, "From", &from, 1);
    }
    if (wanted & EGS_MIME_REPLY_TO) {
        put_mailboxes(text, "Reply-To", content->reply_to);
    }
    if (wanted & EGS_MIME_MESSAGE_ID) {
        put_message_id(text, content);
    }
    if (wanted & EGS_MIME_FEEDBACK_ID) {
        put_feedback_id(text, content);
    }
    if (unsubscribe) {
        put_unsubscribe(text, unsubscribe);
    }
    if (wanted & EGS_MIME_VERSION) {
        egs_text_puts(text, "MIME-Version: 1.0\r\n");
    }
}

/* -- parts -- */

static void set_content(GMimePart *part, eg_bytes bytes, GMimeContentEncoding encoding, apr_pool_t *pool)
{
    GMimeStream *stream = own(g_mime_stream_mem_new_with_buffer(bytes.data, bytes.size), pool);
    GMimeDataWrapper *wrapper =
        own(g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT), pool);

    g_mime_part_set_content(part, wrapper);
    g_mime_part_set_content_encoding(part, encoding);
}

static GMimeObject *text_part(const char *subtype, const char *text, apr_pool_t *pool)
{
    static const GMimeContentEncoding encodings[] = {
        [EGS_7BIT] = GMIME_CONTENT_ENCODING_7BIT,
        [EGS_QUOTED_PRINTABLE] = GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE,
        [EGS_BASE64] = GMIME_CONTENT_ENCODING_BASE64,
    };
    egs_transfer transfer = egs_transfer_choose(text);
    GMimePart *part = own(g_mime_part_new_with_type("text", subtype), pool);

    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    set_content(part, egs_transfer_lines(text, transfer, pool), encodings[transfer], pool);
    return GMIME_OBJECT(part);
}

/*
 * The type to declare. Multipart and message types become octets: a part of
 * such a type would be parsed by readers and may not be base64 (RFC 2046
 * section 5), so it could not arrive as it was given.
 */
static GMimePart *typed_part(const char *content_type, apr_pool_t *pool)
{
    eg_media_type media;
    GMimePart *part;

    if (!content_type || eg_media_type_parse(&media, content_type, pool) != APR_SUCCESS ||
        !strcmp(media.type, "multipart") || !strcmp(media.type, "message")) {
        return own(g_mime_part_new_with_type("application", "octet-stream"), pool);
    }
    part = own(g_mime_part_new_with_type(media.type, media.subtype), pool);
    if (media.charset) {
        g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", media.charset);
    }
    return part;
}

static int has_content_id(const egs_attachment *attachment)
{
    return attachment->content_id && eg_content_id_valid(attachment->content_id);
}

static GMimeObject *attachment_part(const egs_attachment *attachment, apr_pool_t *pool)
{
    GMimePart *part = typed_part(attachment->content_type, pool);
    int is_inline = attachment->disposition && !strcasecmp(attachment->disposition, "inline");

    /* The disposition goes first: setting a file name would make one. */
    g_mime_object_set_disposition(GMIME_OBJECT(part), is_inline ? "inline" : "attachment");
    if (attachment->filename && *attachment->filename) {
        g_mime_part_set_filename(part, attachment->filename);
    }
    if (has_content_id(attachment)) {
        g_mime_object_set_content_id(GMIME_OBJECT(part), attachment->content_id);
    }
    set_content(part, attachment->content, GMIME_CONTENT_ENCODING_BASE64, pool);
    return GMIME_OBJECT(part);
}

static GMimeMultipart *multipart(const char *subtype, const char *message_id, apr_pool_t *pool)
{
    GMimeMultipart *parts = own(g_mime_multipart_new_with_subtype(subtype), pool);

    g_mime_multipart_set_boundary(parts, egs_mime_boundary(subtype, message_id, pool));
    return parts;
}

/* Shown within the html, by its content id. */
static int belongs_to_html(const egs_content *content, const egs_attachment *attachment)
{
    return content->html && attachment->disposition && !strcasecmp(attachment->disposition, "inline") &&
           has_content_id(attachment);
}

/* The attachments that belong to the html, or the others, behind body; body itself when there are none. */
static GMimeObject *with_attachments(GMimeObject *body, const char *subtype, const egs_content *content,
                                     int of_html, apr_pool_t *pool)
{
    GMimeMultipart *parts = NULL;

    for (int i = 0; i < content->attachment_count; i++) {
        const egs_attachment *attachment = &content->attachments[i];

        if (belongs_to_html(content, attachment) != of_html) {
            continue;
        }
        if (!parts) {
            parts = multipart(subtype, content->message_id, pool);
            g_mime_multipart_add(parts, body);
        }
        g_mime_multipart_add(parts, attachment_part(attachment, pool));
    }
    return parts ? GMIME_OBJECT(parts) : body;
}

static GMimeObject *html_part(const egs_content *content, apr_pool_t *pool)
{
    GMimeObject *html = text_part("html", content->html, pool);
    GMimeObject *part = with_attachments(html, "related", content, 1, pool);

    if (part != html) {
        /* RFC 2387 section 3.1: the type of the root part */
        g_mime_object_set_content_type_parameter(part, "type", "text/html");
    }
    return part;
}

static GMimeObject *body_part(const egs_content *content, apr_pool_t *pool)
{
    GMimeMultipart *parts;

    if (!content->html) {
        return text_part("plain", content->plain ? content->plain : "", pool);
    }
    if (!content->plain) {
        return html_part(content, pool);
    }
    parts = multipart("alternative", content->message_id, pool);
    g_mime_multipart_add(parts, text_part("plain", content->plain, pool));
    g_mime_multipart_add(parts, html_part(content, pool));
    return GMIME_OBJECT(parts);
}

/* -- all of it -- */

/* What has attachments, as a tree of GMime's parts: it holds a copy of every one. */
static apr_status_t write_tree(GMimeStream *stream, apr_size_t room, const egs_text *fields,
                               GMimeObject *tree, apr_pool_t *pool)
{
    GMimeFormatOptions *options = g_mime_format_options_new();

    apr_pool_cleanup_register(pool, options, free_options, apr_pool_cleanup_null);
    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    g_mime_format_options_set_param_encoding_method(options, GMIME_PARAM_ENCODING_METHOD_RFC2231);
    if (g_mime_stream_write(stream, apr_pcalloc(pool, room + 1), room) < 0 ||
        g_mime_stream_write(stream, fields->data, fields->length) < 0 ||
        g_mime_object_write_to_stream(tree, options, stream) < 0) {
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

static apr_status_t render_tree(eg_bytes *message, apr_size_t room, const egs_content *content,
                                const char *unsubscribe, apr_pool_t *scratch, apr_pool_t *pool)
{
    GMimeStream *stream = own(g_mime_stream_mem_new(), pool);
    egs_text fields;
    apr_status_t rv;

    egs_text_init(&fields, FIELDS_ROOM, scratch);
    put_fields(&fields, content, unsubscribe);
    rv = write_tree(stream, room, &fields,
                    with_attachments(body_part(content, scratch), "mixed", content, 0, scratch), scratch);
    if (rv == APR_SUCCESS) {
        const GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));

        *message = (eg_bytes){ bytes->data + room, bytes->len - room };
    }
    return rv;
}

static void render_texts(eg_bytes *message, apr_size_t room, const egs_content *content,
                         const char *unsubscribe, apr_pool_t *scratch, apr_pool_t *pool)
{
    egs_text text;

    egs_text_init(&text, room + FIELDS_ROOM + egs_mime_texts_room(content), pool);
    text.length = room;
    put_fields(&text, content, unsubscribe);
    egs_mime_texts(&text, content, scratch);
    *message = (eg_bytes){ text.data + room, text.length - room };
}

apr_status_t egs_mime_render(eg_bytes *message, apr_size_t room, const egs_content *content,
                             const char *unsubscribe, apr_pool_t *pool)
{
    apr_pool_t *scratch;
    apr_status_t rv = apr_pool_create(&scratch, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (content->attachment_count) {
        rv = render_tree(message, room, content, unsubscribe, scratch, pool);
    }
    else {
        render_texts(message, room, content, unsubscribe, scratch, pool);
    }
    apr_pool_destroy(scratch);
    return rv;
}
