/*
 * A mail over a connection to a server that says anything, at any time: what goes out is the
 * beginning of the same few commands and the same mail, and only the whole of it is a delivery.
 */
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "lineends.h"
#include "smtp_dialogue.h"
#include "target.h"
#include "text.h"
#include "utf8.h"

#define RESET 0x10       /* of the first byte, behind the extensions: a mail was refused before */
#define ONE_AT_A_TIME 32 /* of the first byte: the server is heard between any two writes */
#define END '\x1e'       /* of the mail: the rest is what the server says */

/* ---- lines of a reply to EHLO --------------------------------------------------------------- */

/* In a block of its very size. */
static void check_line(const char *line, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    unsigned extension;

    must(copy != NULL);
    memcpy(copy, line, length);
    extension = egs_smtp_extension(copy, length);
    must(extension == 0 || length >= 8);
    must((extension & (extension - 1)) == 0 && extension <= EGS_SMTP_UTF8);
    free(copy);
}

static void check_lines(const char *at, const char *end)
{
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at)), *stop = feed != NULL ? feed + 1 : end;

        check_line(at, (size_t)(stop - at));
        at = stop;
    }
}

/* ---- the dialogue --------------------------------------------------------------------------- */

/* A dot more before each that begins a line (RFC 5321 section 4.5.2), and the one that ends it. */
static void put_stuffed(egs_text *to, eg_bytes message)
{
    const char *from = message.data;

    for (apr_size_t i = 0; i < message.size; i++) {
        if (from[i] == '.' && (i == 0 || from[i - 1] == '\n')) {
            egs_text_puts(to, ".");
        }
        egs_text_add(to, from + i, 1);
    }
    if (message.size > 0 && from[message.size - 1] != '\n') {
        egs_text_puts(to, "\r\n");
    }
    egs_text_puts(to, ".\r\n");
}

/* All that can be said to the server about this mail. */
static egs_text whole(const egs_dialogue *dialogue, const egs_job *job, int reset, apr_pool_t *pool)
{
    egs_text all;

    egs_text_init(&all, 2 * job->message.size + 200, pool);
    egs_text_puts(&all, reset ? "RSET\r\n" : "");
    egs_text_puts(&all, apr_psprintf(pool, "MAIL FROM:<%s>", job->return_path));
    if (dialogue->extensions & EGS_SMTP_SIZE) {
        egs_text_puts(&all, apr_psprintf(pool, " SIZE=%lu", (unsigned long)job->message.size));
    }
    if (dialogue->extensions & EGS_SMTP_UTF8) {
        egs_text_puts(&all, " SMTPUTF8");
        egs_text_puts(&all, dialogue->extensions & EGS_SMTP_8BITMIME ? " BODY=8BITMIME" : "");
    }
    egs_text_puts(&all, apr_psprintf(pool, "\r\nRCPT TO:<%s>\r\nDATA\r\n", job->recipient));
    put_stuffed(&all, job->message);
    return all;
}

/* Until it is over; a server that says nothing more has gone. */
static egs_text talk(egs_dialogue *dialogue, const char *at, const char *end, size_t piece, int one_at_a_time,
                     apr_pool_t *pool)
{
    egs_text said;

    egs_text_init(&said, 1000, pool);
    while (!dialogue->over) {
        const char *out;
        apr_size_t size;

        while ((out = egs_dialogue_output(dialogue, &size)) != NULL) {
            size = size < 40 * piece ? size : 40 * piece;
            egs_text_add(&said, out, size);
            egs_dialogue_sent(dialogue, size);
            if (one_at_a_time) {
                break;
            }
        }
        if (at == end) {
            egs_dialogue_cut(dialogue);
            break;
        }
        size = (size_t)(end - at) < piece ? (size_t)(end - at) : piece;
        egs_dialogue_input(dialogue, at, size);
        at += size;
    }
    return said;
}

static void check(const egs_dialogue *dialogue, const egs_text *said, const egs_text *all)
{
    const egs_reply *reply = &dialogue->reply;
    int is_delivered = dialogue->stage == EGS_STAGE_DOT && reply->code / 100 == 2;

    must(said->length <= all->length && memcmp(said->data, all->data, said->length) == 0);
    must(!is_delivered || (said->length == all->length && !dialogue->failed));
    must(dialogue->failed == !is_delivered);
    must(!dialogue->failed || reply->code >= 400 || (reply->code == 0 && dialogue->broken));
    must(!egs_dialogue_ambiguous(dialogue) || (said->length == all->length && dialogue->broken));
    must(strlen(reply->text) <= EGS_REPLY_TEXT_MAX && strpbrk(reply->text, "\r\n") == NULL &&
         eg_utf8_valid(reply->text, strlen(reply->text)));
}

/* A byte of extensions and flags, one that says how large pieces are, the mail, what the server says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    egs_job job = { .recipient = "ann@example.org", .return_path = "b+token@example.com" };
    const char *text = (const char *)data + 2, *end = (const char *)data + size, *stop;
    egs_dialogue *dialogue;
    apr_pool_t *pool;

    if (size < 2) {
        return 0;
    }
    if (all == NULL) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    stop = memchr(text, END, (size_t)(end - text));
    stop = stop != NULL ? stop : end;
    check_lines(stop, end);
    job.message = lineends_of((const uint8_t *)text, (size_t)(stop - text), pool);
    dialogue = apr_palloc(pool, sizeof *dialogue);
    if (egs_dialogue_start(dialogue, &job, data[0] & 15u, data[0] & RESET) == APR_SUCCESS) {
        egs_text said =
            talk(dialogue, stop + (stop < end), end, (size_t)data[1] + 1, data[0] & ONE_AT_A_TIME, pool);
        egs_text wanted = whole(dialogue, &job, data[0] & RESET, pool);

        check(dialogue, &said, &wanted);
    }
    apr_pool_destroy(pool);
    return 0;
}
