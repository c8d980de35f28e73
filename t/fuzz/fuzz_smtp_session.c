/*
 * eg_smtp_session: whatever comes, in packets of whatever size, the replies are lines,
 * nobody hands over a mail without having logged in, no mail has a bare CR or LF, a NUL, or
 * more than it may have, and no stranger asks for ever who is known. The first octet says
 * how the session is, the second one how long the packets are.
 */
#include <string.h>

#include <apr_general.h>

#include "mailbox.h"
#include "smtp_session.h"
#include "target.h"

#define MESSAGE_MAX 70000 /* over what stays in memory */

typedef struct {
    const eg_smtp_settings *settings;
    int logged_in, closed;
    int asked; /* whether a recipient is known, since the last mail that was taken */
} peer;

/* Lines of "250 text" or "250-text", at most 512 octets of printable ASCII each. */
static void hear(void *baton, const char *text, apr_size_t size)
{
    const char *end = text + size;

    must(!((peer *)baton)->closed);
    while (text < end) {
        const char *line_end = memchr(text, '\r', (apr_size_t)(end - text));

        must(line_end != NULL && line_end - text >= 4 && line_end - text <= 510 && line_end[1] == '\n');
        must(text[0] >= '2' && text[0] <= '5' && (text[3] == ' ' || text[3] == '-'));
        for (; text < line_end; text++) {
            must(*text >= ' ' && *text <= '~');
        }
        text += 2;
    }
}

static void authenticate(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
                         apr_pool_t *pool)
{
    peer *p = baton;

    (void)pool;
    must(p->settings->mode == EG_SMTP_SUBMISSION && !p->logged_in && *username != '\0');
    if (*password == 's') {
        p->logged_in = 1;
        reply->code = 235;
    }
}

static void recipient(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool)
{
    peer *p = baton;
    eg_mailbox box;

    must(p->settings->mode == EG_SMTP_BOUNCES);
    must(++p->asked <= EG_SMTP_STRANGER_COMMANDS_MAX + EG_SMTP_STRANGER_MORE + p->settings->recipients_max);
    must(eg_mailbox_parse(&box, address, pool) == APR_SUCCESS);
    reply->code = *address == 'b' ? 250 : 550;
}

static int has_room(void *baton, apr_int64_t size, apr_pool_t *pool)
{
    (void)baton;
    (void)pool;
    must(size <= MESSAGE_MAX);
    return size % 7 != 6;
}

static void complete(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope, eg_bytes message,
                     apr_pool_t *pool)
{
    peer *p = baton;
    const char *text = message.data;
    eg_mailbox box;

    must(p->logged_in || p->settings->mode == EG_SMTP_BOUNCES);
    must(message.size <= MESSAGE_MAX && memchr(text, '\0', message.size) == NULL);
    for (apr_size_t i = 0; i < message.size; i++) {
        must((text[i] != '\r' || (i + 1 < message.size && text[i + 1] == '\n')) &&
             (text[i] != '\n' || (i > 0 && text[i - 1] == '\r')));
    }
    must(message.size == 0 || text[message.size - 1] == '\n');
    must(envelope->recipients->nelts > 0 && envelope->recipients->nelts <= p->settings->recipients_max);
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        must(eg_mailbox_parse(&box, APR_ARRAY_IDX(envelope->recipients, i, const char *), pool) ==
             APR_SUCCESS);
    }
    must(strpbrk(envelope->sender, "\r\n") == NULL);
    if (message.size % 5 != 4) {
        p->asked = 0;
        *reply = (eg_smtp_reply){ 250, "2.0.0", envelope->sender };
    }
}

static void refused(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope)
{
    (void)envelope;
    must(!((peer *)baton)->closed && reply->code >= 400);
}

static void feed(eg_smtp_session *session, peer *p, const char *data, apr_size_t size, apr_size_t packet)
{
    while (size > 0) {
        apr_size_t part = packet < size ? packet : size;
        eg_smtp_next next = eg_smtp_session_feed(session, data, part);

        if (next == EG_SMTP_STARTTLS) {
            p->logged_in = 0;
            eg_smtp_session_secured(session);
        }
        p->closed = next == EG_SMTP_CLOSE;
        data += part;
        size -= part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_smtp_settings settings = { .host = "mail.example.net",
                                  .message_max = MESSAGE_MAX,
                                  .recipients_max = 5 };
    peer p = { .settings = &settings };
    eg_smtp_handler handler = { &p, hear, authenticate, recipient, has_room, complete, refused };
    apr_pool_t *pool;

    if (size < 2) {
        return 0;
    }
    settings.mode = data[0] & 1 ? EG_SMTP_BOUNCES : EG_SMTP_SUBMISSION;
    settings.secure = data[0] >> 1 & 1;
    settings.starttls = data[0] >> 2 & 1;
    settings.plain_auth = data[0] >> 3 & 1;
    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    feed(eg_smtp_session_make(&settings, &handler, pool), &p, (const char *)data + 2, size - 2,
         data[1] > 0 ? data[1] : size);
    apr_pool_destroy(pool);
    return 0;
}
