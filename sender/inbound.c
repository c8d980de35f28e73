/*
 * A mail that has come back.
 */
#include "inbound.h"

#include <apr_cstr.h>
#include <apr_strings.h>
#include <string.h>

#include "inbound_report.h"
#include "lowercase.h"

#define NOTICE_SIZE 65536 /* bytes of words for people that are looked at */

static const char *const kinds[] = {
    [EGS_INBOUND_OTHER] = "other",     [EGS_INBOUND_BOUNCE] = "bounce",       [EGS_INBOUND_DELAY] = "delay",
    [EGS_INBOUND_SUCCESS] = "success", [EGS_INBOUND_COMPLAINT] = "complaint", [EGS_INBOUND_ANSWER] = "answer",
};

void egs_inbound_start(void)
{
    egs_parts_start();
}

const char *egs_inbound_kind_name(egs_inbound_kind kind)
{
    return kinds[kind];
}

/* ---- the mail in question -------------------------------------------------------- */

/* Does a line say that what follows is the mail in question? */
static int is_divider(const char *line, apr_size_t length, apr_pool_t *pool)
{
    const char *folded;

    if (length > 100 || length < 8) {
        return 0;
    }
    folded = egs_words_fold(apr_pstrmemdup(pool, line, length), pool);
    return (strchr("-=*_#>", *line) || strstr(folded, "follow")) &&
           egs_words_say(folded,
                         "below this line|original message|original mail|copy of the message|copy of your|"
                         "returned message|unsent message|message header|undelivered message|headers follow|"
                         "message follows|text follows|message text");
}

/* Does a line begin as the header of a mail does? */
static int is_of_header(const char *line)
{
    static const char *const names[] = { "Received:",   "Return-Path:",  "DKIM-Signature:",
                                         "Message-ID:", "Delivered-To:", "MIME-Version:" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!apr_cstr_casecmpn(line, names[i], strlen(names[i]))) {
            return 1;
        }
    }
    return 0;
}

/* Where a text for people ends and the mail in question begins; its end where there is none. */
static const char *find_original(const char *text, apr_pool_t *pool)
{
    while (*text) {
        apr_size_t length = strcspn(text, "\n");

        if (is_of_header(text)) {
            return text;
        }
        if (is_divider(text, length, pool)) {
            return text + length;
        }
        text += length + (text[length] != '\0');
    }
    return text;
}

/* What is said to people, and the mail that it is said of: a part of its own, or behind the words. */
static void split(egs_inbound_mail *mail, apr_pool_t *pool)
{
    const egs_part *enclosed = egs_parts_first(&mail->parts, EGS_PART_MAIL);
    const char *subject = egs_fields_get(&mail->parts.header, "Subject");
    egs_text notice;

    egs_text_init(&notice, 1024, pool);
    mail->original = enclosed ? enclosed->text : "";
    for (int i = 0; i < mail->parts.count && notice.length < NOTICE_SIZE; i++) {
        const egs_part *part = &mail->parts.each[i];
        const char *end;

        if (part == enclosed) {
            break;
        }
        if (part->kind != EGS_PART_TEXT) {
            continue;
        }
        end = find_original(part->text, pool);
        egs_text_add(&notice, part->text, (apr_size_t)(end - part->text));
        egs_text_puts(&notice, "\n\n");
        if (!*mail->original) {
            mail->original = end + strspn(end, " \t\n");
        }
    }
    if (notice.length > NOTICE_SIZE) {
        notice.data[NOTICE_SIZE] = '\0';
    }
    mail->notice = notice.data;
    mail->reply = egs_inbound_notice_any_reply(notice.data, pool);
    mail->addresses = egs_words_find_addresses(notice.data, pool);
    mail->folded = egs_words_fold(apr_pstrcat(pool, subject ? subject : "", "\n", notice.data, NULL), pool);
}

/* ---- whom it came to -------------------------------------------------------------- */

static void add_addresses(apr_array_header_t *to, const egs_fields *fields, const char *name,
                          apr_pool_t *pool)
{
    for (int i = 0; i < fields->count; i++) {
        const char *at = fields->each[i].value, *address;

        if (apr_cstr_casecmp(fields->each[i].name, name)) {
            continue;
        }
        while (to->nelts < EGS_WORDS_ADDRESSES_MAX && (address = egs_words_address_of(at, pool))) {
            APR_ARRAY_PUSH(to, const char *) = address;
            at = strstr(at, address) + strlen(address);
        }
    }
}

apr_array_header_t *egs_inbound_recipients(eg_bytes mail, apr_pool_t *pool)
{
    static const char *const names[] = { "Delivered-To", "X-Original-To", "Envelope-To" };
    apr_array_header_t *to = apr_array_make(pool, 4, sizeof(const char *));
    egs_parts parts;

    egs_parts_read(&parts, mail, pool);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        add_addresses(to, &parts.header, names[i], pool);
    }
    if (!to->nelts) {
        add_addresses(to, &parts.header, "To", pool);
    }
    return to;
}

/* ---- feedback --------------------------------------------------------------------- */

/* Says a report of this type that the recipient does not want such mails? RFC 5965 section 7.3: an unknown one is "other". */
static egs_inbound_kind kind_of_feedback(const char *type)
{
    return egs_words_say(type, "not-spam|auth-failure|virus|dkim|dmarc") ? EGS_INBOUND_OTHER
                                                                         : EGS_INBOUND_COMPLAINT;
}

static egs_inbound_kind read_feedback(egs_inbound *inbound, const egs_inbound_mail *mail,
                                      const egs_part *part, apr_pool_t *pool)
{
    egs_fields report = { NULL, 0 }, original;
    const char *type;

    if (part) {
        egs_fields_read(&report, part->text + strspn(part->text, " \t\n"), pool);
    }
    egs_fields_read(&original, mail->original, pool);
    type = egs_fields_get(&report, "Feedback-Type");
    type = type ? type : "abuse";
    inbound->feedback = egs_words_fold(egs_words_clean(type, strcspn(type, " ;"), pool), pool);
    inbound->sender = egs_words_address_of(egs_fields_get(&report, "Original-Mail-From"), pool);
    if (!inbound->sender) {
        inbound->sender = egs_words_address_of(egs_fields_get(&original, "Return-Path"), pool);
    }
    return kind_of_feedback(inbound->feedback);
}

/* A report by its type alone, or as Microsoft's programme for senders writes it: without a part that says so. */
static int is_feedback(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    const char *subject = egs_fields_get(&mail->parts.header, "Subject");

    if (!strcmp(mail->parts.report, "feedback-report")) {
        return 1;
    }
    return egs_parts_first(&mail->parts, EGS_PART_MAIL) && !egs_parts_first(&mail->parts, EGS_PART_STATUS) &&
           subject && egs_words_say(egs_words_fold(subject, pool), "complaint about message from");
}

static egs_inbound_kind find_kind(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool)
{
    const egs_part *feedback = egs_parts_first(&mail->parts, EGS_PART_FEEDBACK);
    egs_inbound_kind kind;

    if (feedback || is_feedback(mail, pool)) {
        return read_feedback(inbound, mail, feedback, pool);
    }
    if (!strcmp(mail->parts.report, "disposition-notification")) {
        return EGS_INBOUND_ANSWER;
    }
    kind = egs_inbound_status(inbound, mail, pool);
    return kind != EGS_INBOUND_OTHER ? kind : egs_inbound_notice(inbound, mail, pool);
}

void egs_inbound_read(egs_inbound *inbound, eg_bytes mail, apr_pool_t *pool)
{
    egs_inbound_mail *returned = apr_pcalloc(pool, sizeof *returned);

    memset(inbound, 0, sizeof *inbound);
    mail.size = mail.size < EG_RETURNED_SIZE ? mail.size : EG_RETURNED_SIZE;
    egs_parts_read(&returned->parts, mail, pool);
    returned->own = apr_array_make(pool, 4, sizeof(const char *));
    add_addresses(returned->own, &returned->parts.header, "Delivered-To", pool);
    add_addresses(returned->own, &returned->parts.header, "To", pool);
    split(returned, pool);
    inbound->kind = find_kind(inbound, returned, pool);
    egs_inbound_confirm(inbound, returned, pool);
}
