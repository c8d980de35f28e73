/*
 * A mail of the API on its way to the wire: whatever eg_mail_parse takes comes out as a message in
 * which readers find each text and each attachment as it was given, and no field that it may not write.
 */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <gmime/gmime.h>

#include "cpubound.h"
#include "json.h"
#include "mail.h"
#include "mime.h"
#include "mimecode.h"
#include "target.h"

#define PIECE '\x1e' /* between the pieces of an input that is no JSON */
#define UNSUBSCRIBE "https://links.example.com/e/u/token"

/* ---- the arguments of a call ------------------------------------------------------------- */

/** What is left of an input in pieces. */
typedef struct {
    const char *at, *end;
    apr_pool_t *pool;
} pieces;

static eg_bytes next_piece(pieces *p)
{
    const char *at = p->at, *stop = at < p->end ? memchr(at, PIECE, (size_t)(p->end - at)) : NULL;

    stop = stop != NULL ? stop : p->end;
    p->at = stop < p->end ? stop + 1 : p->end;
    return (eg_bytes){ at, (size_t)(stop - at) };
}

/* NULL where the next piece is no UTF-8. */
static json_t *next_text(pieces *p)
{
    eg_bytes piece = next_piece(p);

    return json_stringn(piece.data, piece.size);
}

/* NULL also where it is empty. */
static json_t *next_content(pieces *p)
{
    json_t *text = next_text(p);

    if (json_string_length(text) == 0) {
        json_decref(text);
        return NULL;
    }
    return text;
}

/* A name and a value; an empty object without a name. */
static json_t *next_header(pieces *p)
{
    json_t *name = next_content(p), *value = next_text(p), *headers = json_object();

    if (name != NULL && value != NULL) {
        json_object_set(headers, json_string_value(name), value);
    }
    json_decref(name);
    json_decref(value);
    return headers;
}

static json_t *next_attachment(pieces *p)
{
    json_t *name = next_text(p), *type = next_text(p), *disposition = next_text(p), *id = next_text(p);

    return json_pack("{s:o*, s:o*, s:o*, s:o*, s:s}", "filename", name, "type", type, "disposition",
                     disposition, "contentid", id, "content",
                     eg_mimecode_encode(next_piece(p), EG_RAW_BASE64, p->pool));
}

/* Subject, contents, names, one header, then attachments of five pieces each. */
static json_t *args_of_pieces(const char *text, size_t size, apr_pool_t *pool)
{
    pieces p = { text, text + size, pool };
    json_t *subject = next_text(&p), *plain = next_content(&p), *html = next_content(&p);
    json_t *from = next_text(&p), *to = next_text(&p), *headers = next_header(&p);
    json_t *attachments = json_array();
    json_t *args;

    while (p.at < p.end) {
        json_array_append_new(attachments, next_attachment(&p));
    }
    args = json_pack("{s:o*, s:o*, s:o*, s:s, s:{s:s, s:o*}, s:[{s:s, s:o*}], s:o*, s:o*}", "Subject",
                     subject, "PlainContent", plain, "HTMLContent", html, "ContentType",
                     plain == NULL  ? "html"
                     : html == NULL ? "plain"
                                    : "multipart",
                     "From", "email", "shop@example.com", "name", from, "To", "email", "ann@example.org",
                     "name", to, "Headers", headers, "Attachments", attachments);
    return eg_json_own(args != NULL ? args : json_object(), pool);
}

/* ---- as the sender loads it -------------------------------------------------------------- */

static json_t *list_of(const apr_array_header_t *addresses, apr_pool_t *pool)
{
    json_t *list = eg_json_own(json_array(), pool);

    for (int i = 0; i < addresses->nelts; i++) {
        const eg_mail_address *each = &APR_ARRAY_IDX(addresses, i, eg_mail_address);

        json_array_append_new(list, json_pack("{s:s, s:s}", "email", each->box.address, "name", each->name));
    }
    return list;
}

static egs_content content_of(const eg_mail *mail, apr_pool_t *pool)
{
    egs_content content = { .message_id = "0198c2f4-0000-7000-8000-000000000001",
                            .domain = "example.com",
                            .from_email = mail->from.box.address,
                            .from_name = mail->from.name,
                            .subject = mail->subject,
                            .to = list_of(mail->to, pool),
                            .cc = list_of(mail->cc, pool),
                            .reply_to = list_of(mail->reply_to, pool),
                            .headers = mail->headers,
                            .html = mail->html,
                            .plain = mail->plain,
                            .date = apr_time_from_sec(1800000000) };

    content.attachment_count = mail->attachments->nelts;
    content.attachments =
        apr_pcalloc(pool, sizeof *content.attachments * (apr_size_t)(content.attachment_count + 1));
    for (int i = 0; i < content.attachment_count; i++) {
        const eg_mail_attachment *each = &APR_ARRAY_IDX(mail->attachments, i, eg_mail_attachment);

        content.attachments[i] = (egs_attachment){ each->filename, each->type, each->disposition,
                                                   each->content_id, each->content };
    }
    return content;
}

/* ---- what readers find ------------------------------------------------------------------- */

/* LF at the ends of lines. */
static eg_bytes with_feeds(eg_bytes text, apr_pool_t *pool)
{
    const char *from = text.data;
    char *lines = apr_palloc(pool, text.size + 1), *to = lines;

    for (apr_size_t i = 0; i < text.size; i++) {
        if (from[i] != '\r' || i + 1 == text.size || from[i + 1] != '\n') {
            *to++ = from[i];
        }
    }
    return (eg_bytes){ lines, (apr_size_t)(to - lines) };
}

/* Of the only part the last line ends, whether it did or not. */
static void must_be_text(eg_bytes found, const char *given, int is_only, apr_pool_t *pool)
{
    apr_size_t length = strlen(given);
    const char *sent =
        is_only && (length == 0 || given[length - 1] != '\n') ? apr_pstrcat(pool, given, "\n", NULL) : given;
    eg_bytes a = with_feeds(found, pool), b = with_feeds((eg_bytes){ sent, strlen(sent) }, pool);

    must(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
}

/* Takes the attachment with that content out of those that have not been found yet. */
static void find_attachment(egs_content *left, eg_bytes found)
{
    for (int i = 0; i < left->attachment_count; i++) {
        eg_bytes given = left->attachments[i].content;

        if (given.size == found.size && memcmp(given.data, found.data, found.size) == 0) {
            left->attachments[i] = left->attachments[--left->attachment_count];
            return;
        }
    }
    must(0);
}

static void check_part(const eg_rawmail *message, const eg_rawpart *part, egs_content *left, int is_only,
                       apr_pool_t *pool)
{
    eg_bytes body = eg_rawmail_range(message, part->body, part->end), content;

    must(strncmp(part->type, "message/", 8) != 0); /* it may not be in base64 */
    must(eg_mimecode_check(body) == EG_MIME_FITS);
    must(eg_mimecode_decode(&content, body, part->code, pool) == APR_SUCCESS);
    if (part->is_attachment) {
        find_attachment(left, content);
    }
    else if (strcmp(part->type, "text/html") == 0) {
        must(left->html != NULL);
        must_be_text(content, left->html, is_only, pool);
        left->html = NULL;
    }
    else {
        must(strcmp(part->type, "text/plain") == 0 && left->plain != NULL);
        must_be_text(content, left->plain, is_only, pool);
        left->plain = NULL;
    }
}

static void check_parts(const eg_rawmail *message, egs_content left, apr_pool_t *pool)
{
    int is_only = message->parts->nelts == 1;

    for (int i = 0; i < message->parts->nelts; i++) {
        if (!eg_rawmail_part(message, i)->is_multipart) {
            check_part(message, eg_rawmail_part(message, i), &left, is_only, pool);
        }
    }
    must(left.html == NULL && left.plain == NULL && left.attachment_count == 0);
}

static void check_header(const eg_rawmail *message)
{
    static const char *const once[] = { "Date",       "From",         "To",          "Subject",
                                        "Message-ID", "MIME-Version", "Feedback-ID", "Content-Type" };
    const eg_rawpart *root = eg_rawmail_part(message, 0);

    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        must(eg_rawpart_count(message, root, once[i]) == 1);
    }
    must(eg_rawpart_count(message, root, "Content-*") <= 2);
    must(eg_rawpart_count(message, root, "Bcc") == 0 && eg_rawpart_count(message, root, "Sender") == 0);
}

/* CR and LF only together, lines of at most 998, 7-bit but for addresses. */
static void check_lines(eg_bytes message, int is_ascii)
{
    const char *data = message.data;
    apr_size_t column = 0;

    for (apr_size_t i = 0; i < message.size; i++) {
        if (data[i] == '\r') {
            must(i + 1 < message.size && data[++i] == '\n');
            column = 0;
            continue;
        }
        must(data[i] != '\n' && data[i] != '\0' && ++column <= EG_WIRE_LINE_MAX);
        must((unsigned char)data[i] < 0x80 || !is_ascii);
    }
    must(column == 0);
}

static int are_ascii(const apr_array_header_t *list)
{
    for (int i = 0; i < list->nelts; i++) {
        if (APR_ARRAY_IDX(list, i, eg_mail_address).box.utf8_local) {
            return 0;
        }
    }
    return 1;
}

static void render(const eg_mail *mail, int has_link, apr_pool_t *pool)
{
    egs_content content = content_of(mail, pool);
    const char *problem;
    eg_rawmail message;
    eg_bytes bytes;

    must(egs_mime_render(&bytes, 10, &content, has_link ? UNSUBSCRIBE : NULL, pool) == APR_SUCCESS);
    check_lines(bytes, !mail->from.box.utf8_local && are_ascii(mail->to) && are_ascii(mail->cc) &&
                           are_ascii(mail->reply_to));
    must(eg_rawmail_parse(&message, &problem, bytes, pool) == APR_SUCCESS);
    check_header(&message);
    check_parts(&message, content, pool);
}

/* JSON, or pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const eg_limits limits = { .to_max = 50, .cc_max = 50, .bcc_max = 50, .reply_to_max = 10 };
    static apr_pool_t *all;
    eg_call call = { .limits = &limits, .now = apr_time_from_sec(1800000000) };
    clock_t begun = clock();
    const char *problem;
    eg_mail mail;

    if (all == NULL) {
        apr_initialize();
        apr_pool_create(&all, NULL);
        g_mime_init();
    }
    apr_pool_create(&call.pool, all);
    eg_errors_init(&call.errors, call.pool);
    if (size == 0 || data[0] != '{') {
        call.args = args_of_pieces((const char *)data, size, call.pool);
    }
    else if (eg_json_parse(&call.args, &problem, (const char *)data, size, call.pool) != APR_SUCCESS) {
        call.args = NULL;
    }
    if (call.args != NULL) {
        eg_mail_parse(&mail, &call);
        if (!eg_errors_any(&call.errors) && !mail.template_given && !mail.list_given) {
            render(&mail, size % 2, call.pool);
        }
        json_decref(eg_errors_json(&call.errors));
    }
    apr_pool_destroy(call.pool);
    cpubound_check(begun, size);
    return 0;
}
