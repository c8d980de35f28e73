/*
 * One mail to one recipient over an SMTP connection that has said EHLO.
 */
#include <apr_lib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "smtp_dialogue.h"

unsigned egs_smtp_extension(const char *line, apr_size_t length)
{
    static const struct {
        const char *keyword;
        unsigned extension;
    } known[] = {
        { "PIPELINING", EGS_SMTP_PIPELINING },
        { "SIZE", EGS_SMTP_SIZE },
        { "8BITMIME", EGS_SMTP_8BITMIME },
        { "SMTPUTF8", EGS_SMTP_UTF8 },
    };

    for (apr_size_t i = 0; length > 4 && i < sizeof known / sizeof *known; i++) {
        apr_size_t size = strlen(known[i].keyword);

        if (length >= 4 + size && !strncasecmp(line + 4, known[i].keyword, size) &&
            (length == 4 + size || apr_isspace(line[4 + size]))) {
            return known[i].extension;
        }
    }
    return 0;
}

int egs_smtp_address_safe(const char *address)
{
    for (; *address; address++) {
        if ((unsigned char)*address <= ' ' || *address == 0x7F || *address == '<' || *address == '>') {
            return 0;
        }
    }
    return 1;
}

static int has_8bit(const char *data, apr_size_t size)
{
    apr_uint64_t bits = 0, eight;
    apr_size_t i;

    for (i = 0; i + sizeof eight <= size; i += sizeof eight) {
        memcpy(&eight, data + i, sizeof eight);
        bits |= eight;
    }
    for (; i < size; i++) {
        bits |= (unsigned char)data[i];
    }
    return (bits & 0x8080808080808080) != 0;
}

/* RFC 6531 section 3.4: for an address or a header field in UTF-8. */
static int needs_utf8(const egs_job *job)
{
    return has_8bit(job->recipient, strlen(job->recipient)) ||
           has_8bit(job->return_path, strlen(job->return_path)) ||
           has_8bit(job->message.data, job->message.size);
}

apr_status_t egs_dialogue_start(egs_dialogue *dialogue, const egs_job *job, unsigned extensions, int reset)
{
    int utf8 = needs_utf8(job);

    if (utf8 && !(extensions & EGS_SMTP_UTF8)) {
        return APR_EINVAL;
    }
    dialogue->job = job;
    dialogue->extensions = utf8 ? extensions : extensions & ~EGS_SMTP_UTF8;
    dialogue->awaited = reset ? EGS_STAGE_RSET : EGS_STAGE_MAIL;
    dialogue->written = (egs_stage)(dialogue->awaited - 1);
    dialogue->stage = dialogue->awaited;
    dialogue->failed = dialogue->broken = dialogue->over = 0;
    dialogue->reply.code = 0;
    dialogue->body_taken = dialogue->out_length = dialogue->out_sent = 0;
    egs_reply_start(&dialogue->reader);
    return APR_SUCCESS;
}

static void write_mail(egs_dialogue *dialogue, char *to, apr_size_t room)
{
    const egs_job *job = dialogue->job;
    char size[32] = "";

    if (dialogue->extensions & EGS_SMTP_SIZE) {
        snprintf(size, sizeof size, " SIZE=%lu", (unsigned long)job->message.size);
    }
    snprintf(to, room, "MAIL FROM:<%s>%s%s%s\r\n", job->return_path, size,
             dialogue->extensions & EGS_SMTP_UTF8 ? " SMTPUTF8" : "",
             dialogue->extensions & EGS_SMTP_UTF8 && dialogue->extensions & EGS_SMTP_8BITMIME
                 ? " BODY=8BITMIME"
                 : "");
}

/* Commands are far shorter than the buffer. */
static void write_command(egs_dialogue *dialogue)
{
    char *to = dialogue->out + dialogue->out_length;
    apr_size_t room = sizeof dialogue->out - dialogue->out_length;

    dialogue->written++;
    switch (dialogue->written) {
    case EGS_STAGE_RSET:
        snprintf(to, room, "RSET\r\n");
        break;
    case EGS_STAGE_MAIL:
        write_mail(dialogue, to, room);
        break;
    case EGS_STAGE_RCPT:
        snprintf(to, room, "RCPT TO:<%s>\r\n", dialogue->job->recipient);
        break;
    default:
        snprintf(to, room, "DATA\r\n");
        break;
    }
    dialogue->out_length += strlen(to);
    dialogue->last[0] = '\r';
    dialogue->last[1] = '\n';
}

static void put(egs_dialogue *dialogue, const char *data, apr_size_t size)
{
    memcpy(dialogue->out + dialogue->out_length, data, size);
    dialogue->out_length += size;
    dialogue->last[0] = size > 1 ? data[size - 2] : dialogue->last[1];
    dialogue->last[1] = data[size - 1];
}

/* A dot that begins a line gets another one before it (RFC 5321 section 4.5.2). */
static void write_body(egs_dialogue *dialogue)
{
    const char *message = dialogue->job->message.data;
    apr_size_t end = dialogue->job->message.size;

    while (dialogue->body_taken < end && dialogue->out_length + 2 <= sizeof dialogue->out) {
        const char *line = message + dialogue->body_taken, *feed;
        apr_size_t size = sizeof dialogue->out - dialogue->out_length - 1;

        if (*line == '.' && dialogue->last[1] == '\n') {
            put(dialogue, ".", 1);
        }
        size = end - dialogue->body_taken < size ? end - dialogue->body_taken : size;
        feed = memchr(line, '\n', size);
        size = feed ? (apr_size_t)(feed - line) + 1 : size;
        put(dialogue, line, size);
        dialogue->body_taken += size;
    }
    if (dialogue->body_taken < end || dialogue->out_length + 5 > sizeof dialogue->out) {
        return;
    }
    if (dialogue->last[0] != '\r' || dialogue->last[1] != '\n') {
        put(dialogue, "\r\n", 2);
    }
    memcpy(dialogue->out + dialogue->out_length, ".\r\n", 3);
    dialogue->out_length += 3;
    dialogue->written = EGS_STAGE_DOT;
}

/* Without PIPELINING each command waits for the reply to the one before. */
static int may_write_command(const egs_dialogue *dialogue)
{
    return !dialogue->failed && dialogue->written < EGS_STAGE_DATA &&
           (dialogue->extensions & EGS_SMTP_PIPELINING || dialogue->awaited > dialogue->written);
}

int egs_dialogue_at_body(const egs_dialogue *dialogue)
{
    return !dialogue->over && dialogue->awaited == EGS_STAGE_DOT && dialogue->written == EGS_STAGE_DATA;
}

const char *egs_dialogue_output(egs_dialogue *dialogue, apr_size_t *size)
{
    if (dialogue->out_sent == dialogue->out_length) {
        dialogue->out_sent = dialogue->out_length = 0;
        while (!dialogue->over && may_write_command(dialogue)) {
            write_command(dialogue);
        }
        if (egs_dialogue_at_body(dialogue)) {
            write_body(dialogue);
        }
    }
    *size = dialogue->out_length - dialogue->out_sent;
    return *size ? dialogue->out + dialogue->out_sent : NULL;
}

void egs_dialogue_sent(egs_dialogue *dialogue, apr_size_t size)
{
    dialogue->out_sent += size;
}

static void refuse(egs_dialogue *dialogue, const egs_reply *reply)
{
    if (!dialogue->failed) {
        dialogue->failed = 1;
        dialogue->stage = dialogue->awaited;
        dialogue->reply = *reply;
    }
}

/* Neither a yes nor a no: nothing that follows can be relied on. */
static void give_up(egs_dialogue *dialogue)
{
    egs_reply nothing = dialogue->reader.reply;

    nothing.code = 0;
    nothing.enhanced[0] = '\0';
    refuse(dialogue, &nothing);
    dialogue->broken = dialogue->over = 1;
}

/* A reply to something that is not yet said whole: only a refusal makes sense, and ends it. */
static int is_early(const egs_dialogue *dialogue)
{
    return dialogue->awaited > dialogue->written ||
           (dialogue->awaited == EGS_STAGE_DOT && dialogue->out_sent < dialogue->out_length);
}

static void take_reply(egs_dialogue *dialogue, const egs_reply *reply)
{
    int yes = dialogue->awaited == EGS_STAGE_DATA ? 3 : 2;

    if (reply->code == 421 || (reply->code >= 400 && is_early(dialogue))) {
        refuse(dialogue, reply);
        dialogue->broken = dialogue->over = 1;
        return;
    }
    if (reply->code >= 400) {
        refuse(dialogue, reply);
    }
    else if (reply->code / 100 != yes || is_early(dialogue)) {
        give_up(dialogue);
        return;
    }
    else if (dialogue->failed && dialogue->awaited == EGS_STAGE_DATA) {
        /* It waits for a mail that it has refused; what a dot alone would do here nobody knows. */
        dialogue->broken = dialogue->over = 1;
        return;
    }
    if (dialogue->awaited == EGS_STAGE_DOT && !dialogue->failed) {
        dialogue->stage = EGS_STAGE_DOT;
        dialogue->reply = *reply;
    }
    dialogue->over =
        dialogue->awaited == EGS_STAGE_DOT || (dialogue->failed && dialogue->awaited >= dialogue->written);
    dialogue->awaited++;
}

void egs_dialogue_input(egs_dialogue *dialogue, const char *data, apr_size_t size)
{
    while (size && !dialogue->over) {
        apr_size_t used = 0;
        egs_reply_state state = egs_reply_read(&dialogue->reader, &used, data, size);

        data += used;
        size -= used;
        if (state == EGS_REPLY_MORE) {
            return;
        }
        if (state == EGS_REPLY_GARBAGE) {
            give_up(dialogue);
            return;
        }
        take_reply(dialogue, &dialogue->reader.reply);
        egs_reply_start(&dialogue->reader);
    }
    /* A word too many would be taken for the answer to the next mail. */
    dialogue->broken |= size > 0;
}

void egs_dialogue_cut(egs_dialogue *dialogue)
{
    egs_reply_give_up(&dialogue->reader);
    give_up(dialogue);
}

int egs_dialogue_ambiguous(const egs_dialogue *dialogue)
{
    return dialogue->written == EGS_STAGE_DOT && dialogue->out_sent == dialogue->out_length &&
           dialogue->stage == EGS_STAGE_DOT && dialogue->reply.code == 0;
}
