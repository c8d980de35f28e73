/* A message handed in and what goes out of it: whatever it is, one that every server takes, with the fields it must have. */
#include <string.h>
#include <strings.h>

#include <apr_general.h>

#include "addresslist.h"
#include "json.h"
#include "lineends.h"
#include "mimecode.h"
#include "raw.h"
#include "rawfield.h"
#include "smtp_message.h"
#include "target.h"
#include "testsecret.h"
#include "utf8.h"

/* As a session hands it over: its last line has an end. */
static eg_bytes with_line_ends(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    uint8_t *text = apr_palloc(pool, size + 1);

    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\n';
    return lineends_of(text, size + 1, pool);
}

static void check_reply(const eg_smtp_reply *reply)
{
    must(reply->code >= 400 && reply->code < 600 && reply->enhanced[0] == '0' + reply->code / 100);
    must(strlen(reply->text) > 5 && strlen(reply->text) <= EG_SMTP_TEXT_MAX);
    for (const char *c = reply->text; *c; c++) {
        must(*c >= ' ' && *c < 0x7f);
    }
}

/* Bytes over 126 are only in header fields, where addresses have them. */
static void check_lines(eg_bytes message, apr_size_t body)
{
    const char *text = message.data, *end = text + message.size;

    must(eg_mimecode_check((eg_bytes){ text + body, message.size - body }) == EG_MIME_FITS);
    must(memchr(text, '\0', message.size) == NULL);
    for (const char *line = text; line < end;) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));

        must(feed == NULL || (feed > line && feed[-1] == '\r'));
        must((feed != NULL ? feed : end) - line <= EG_WIRE_LINE_MAX + 1);
        line = feed != NULL ? feed + 1 : end;
    }
}

/* Nobody can take another address for the one that a field has. */
static void check_clear(const eg_rawmail *mail, const char *name, apr_pool_t *pool)
{
    const eg_rawfield *field = eg_rawpart_find(mail, eg_rawmail_part(mail, 0), name);

    must(field == NULL || eg_addresslist_is_clear(eg_rawfield_value(mail, field, pool), pool));
}

/* Does some reader take a part apart? By any of its fields, as far as they can be read. */
static int has_parts(const eg_rawmail *mail, const eg_rawpart *part, apr_pool_t *pool)
{
    for (int i = 0; i < part->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(part, i);
        const char *value = eg_rawfield_value(mail, field, pool);

        if (eg_rawfield_is(mail, field, "Content-Type") &&
            (strncasecmp(value, "multipart/", 10) == 0 || strncasecmp(value, "message/", 8) == 0)) {
            return 1;
        }
    }
    return 0;
}

/* What may not be altered is the same; all else can be sent, and is read as what it was. */
static void check_part(const eg_rawmail *given, const eg_rawpart *part, const eg_rawmail *sent,
                       const eg_rawpart *now, apr_pool_t *pool)
{
    eg_bytes before = eg_rawmail_range(given, part->body, part->end);
    eg_bytes after = eg_rawmail_range(sent, now->body, now->end);

    must(now->is_multipart == part->is_multipart && strcmp(now->type, part->type) == 0);
    must(now->is_multipart || eg_mimecode_check(after) == EG_MIME_FITS);
    if (part->is_fixed) {
        must(after.size == before.size && memcmp(after.data, before.data, after.size) == 0);
    }
    if (has_parts(given, part, pool)) { /* written anew as one body it would have none */
        must(now->code == EG_RAW_PLAIN || now->code == part->code);
    }
    for (int i = 0; i < now->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(now, i);

        must(eg_rawfield_kind(sent, field) == EG_FIELD_ADDRESSES || eg_rawfield_fits(sent, field));
    }
}

static void check_parts(const eg_rawmail *given, const eg_rawmail *sent, apr_pool_t *pool)
{
    must(sent->parts->nelts == given->parts->nelts);
    for (int i = 0; i < sent->parts->nelts; i++) {
        check_part(given, eg_rawmail_part(given, i), sent, eg_rawmail_part(sent, i), pool);
    }
}

/* All that can be tracked. */
static egs_links track(egs_content *content, apr_pool_t *pool)
{
    egs_job job = {
        .content = content, .account_id = 1, .message_id = content->message_id, .recipient_no = 1
    };
    egs_links links;

    content->tracking_url = "https://t.example";
    content->track_links = content->track_opens = content->unsubscribe_link = 1;
    must(egs_track_links(&links, &job, testsecret_make(pool), pool) == APR_SUCCESS);
    return links;
}

static void check_sent(const eg_smtp_message *m, int is_tracked, apr_pool_t *pool)
{
    static const char *const owned[] = { "From", "Date", "Message-ID", "MIME-Version" };
    static const char *const must_not[] = { "Bcc", "Return-Path", "X-EG-*", "Idempotency-Key" };
    egs_content content = { .account_id = 1,
                            .message_id = m->message_id,
                            .domain = "example.com",
                            .from_email = "own@example.com",
                            .from_name = "",
                            .raw = m->mail.raw };
    egs_links links = { 0 };
    const char *problem;
    eg_rawmail mail;
    eg_bytes sent;

    if (is_tracked) {
        links = track(&content, pool);
    }
    must(egs_raw_render(&sent, 10, &content, &links, pool) == APR_SUCCESS);
    must(eg_rawmail_parse(&mail, &problem, sent, pool) == APR_SUCCESS);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        must(eg_rawpart_count(&mail, eg_rawmail_part(&mail, 0), owned[i]) == 1);
        must(eg_rawpart_count(&mail, eg_rawmail_part(&mail, 0), must_not[i]) == 0);
    }
    check_clear(&mail, "From", pool);
    check_clear(&mail, "Sender", pool);
    check_parts(&m->raw, &mail, pool);
    check_lines(sent, mail.parts->nelts == 1 ? eg_rawmail_part(&mail, 0)->body : sent.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const eg_limits limits = { .submission_host = "mx.example.com" };
    static apr_pool_t *all;
    eg_call call = { .limits = &limits, .now = apr_time_from_sec(1800000000) };
    eg_smtp_envelope envelope = { .sender = "" };
    eg_smtp_login login = { 1, 1, { 0 } };
    eg_smtp_message m = { .call = &call,
                          .envelope = &envelope,
                          .login = &login,
                          .message_id = "01980000-0000-7000-8000-000000000001" };

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&call.pool, all);
    envelope.recipients = apr_array_make(call.pool, 1, sizeof(const char *));
    APR_ARRAY_PUSH(envelope.recipients, const char *) = "ann@example.org";
    if (eg_smtp_message_read(&m, with_line_ends(data, size, call.pool)) && eg_smtp_message_addresses(&m) &&
        eg_smtp_message_options(&m) && eg_smtp_message_make(&m)) {
        must(eg_utf8_valid(m.mail.subject, strlen(m.mail.subject)));
        check_sent(&m, 0, call.pool);
        check_sent(&m, 1, call.pool);
    }
    else {
        check_reply(&m.reply);
    }
    apr_pool_destroy(call.pool);
    return 0;
}
