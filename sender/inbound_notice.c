/*
 * Bounces that are written for people alone.
 */
#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "inbound_report.h"

#define TRIES_MAX 8      /* places of one address in a notice that are looked at */
#define STRETCH_MAX 4096 /* bytes of its line, paragraph or section that are looked at */

/* Whom notices are from. */
#define DAEMONS                                                                                              \
    "mailer-daemon|mailerdaemon|mail-daemon|maildaemon|mdaemon|postmaster|post_master|post master|mail "     \
    "delivery|"                                                                                              \
    "delivery system|delivery subsystem|mail system|mail administrator|system administrator|mail deliver"

/* What is said of mails that nobody tries to deliver any more. */
#define FAILED                                                                                               \
    "could not be delivered|couldn't be delivered|could not deliver|couldn't deliver|cannot be delivered|"   \
    "can't be delivered|cannot deliver|able to deliver|unable to deliver|undeliverable|undelivered|"         \
    "delivery failed|delivery failure|delivery has failed|failed to deliver|failed permanently|permanent|"   \
    "fatal error|delivery error|delivery problem|not delivered|not be delivered|did not reach|"              \
    "returned to sender|returned mail|rejected|failure notice|failure reason|failed address|user unknown|"   \
    "unknown user|no such user|invalid final delivery|can not be delivered|not be sent|following error|"     \
    "mail system error|unknown recipient|does not exist|host unknown|delivery status notification "          \
    "(failure)|"                                                                                             \
    "not sent|permission to post|non-deliver|nondeliver|error has occurred while attempting to deliver|"     \
    "incorrectly constructed|not a member of this|not member of this"

/* What notices are called. */
#define NOTICES                                                                                              \
    "undeliver|non-deliver|nondeliver|not delivered|unable to deliver|delivery fail|delivery status|"        \
    "delivery notif|delivery report|delivery problem|delivery error|delivery warning|mail delivery|"         \
    "message delivery|delivery has failed|could not be delivered|could not send message|failure notice|"     \
    "mail failure|failed mail|mail failed|mail error|mail system error|returned mail|returned to sender|"    \
    "bounce|user unknown|unknown user|not member|not a member"

/* ... of those that are tried again. */
#define DELAYED                                                                                              \
    "delayed|still trying|will continue to try|will keep trying|will be retried|will retry|warning: "        \
    "message|"                                                                                               \
    "not yet been delivered|not yet delivered|has not been delivered yet|do not need to resend|"             \
    "don't need to resend|this is a warning|no action is required|being retried|will be attempted|"          \
    "delivery status notification (delay)|continue trying"

/* ... and when that is over, whatever else is said. */
#define FINAL                                                                                                \
    "giving up|given up|give up|too long in|in the queue too long|has expired|message expired|"              \
    "failed permanently|permanent error|permanently|not going to try again|cannot send message for|"         \
    "could not be delivered for|retry timeout exceeded|delivery status notification (failure)|no longer be " \
    "retried"

#define SUCCEEDED                                                                                            \
    "successfully delivered|successfully relayed|was delivered to the following|has been delivered to|"      \
    "delivery status notification (success)|successful mail delivery|delivery report (success)"

/* Subjects of answers that are written in somebody's absence. */
#define ABSENT                                                                                               \
    "out of office|out of the office|automatic reply|auto reply|auto-reply|autoreply|auto:|vacation|"        \
    "automatische antwort|abwesenheit|absence|away from|autosvar|risposta automatica|respuesta autom"

/* ---- whose, and of whom -------------------------------------------------------- */

static const char *header_words(const egs_inbound_mail *mail, const char *name, apr_pool_t *pool)
{
    const char *value = egs_fields_get(&mail->parts.header, name);

    return egs_words_fold(value ? value : "", pool);
}

static int is_of_daemon(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    return egs_fields_get(&mail->parts.header, "X-Failed-Recipients") ||
           egs_words_say(header_words(mail, "From", pool), DAEMONS) ||
           egs_words_say(header_words(mail, "Sender", pool), DAEMONS);
}

/* Ordinary mails have any of the words below as well: only of what is from a mail system, or called so, are they meant. */
static int is_notice(const egs_inbound_mail *mail, int of_daemon, const egs_words_reply *reply,
                     apr_pool_t *pool)
{
    return of_daemon || egs_words_say(header_words(mail, "Subject", pool), NOTICES) ||
           (reply->surety >= EGS_REPLY_LINE && reply->code >= 500);
}

/* RFC 3834 section 5, and what was there before it. */
static int is_automatic(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    return egs_words_say(header_words(mail, "Auto-Submitted", pool), "auto-replied|vacation") ||
           egs_words_say(header_words(mail, "Precedence", pool), "auto_reply|auto-reply") ||
           egs_words_say(header_words(mail, "Subject", pool), ABSENT) ||
           egs_fields_get(&mail->parts.header, "X-Autoreply") ||
           egs_fields_get(&mail->parts.header, "X-Autorespond") ||
           egs_fields_get(&mail->parts.header, "X-Autoresponder");
}

static int is_own(const egs_inbound_mail *mail, const char *address)
{
    for (int i = 0; i < mail->own->nelts; i++) {
        if (!apr_cstr_casecmp(APR_ARRAY_IDX(mail->own, i, const char *), address)) {
            return 1;
        }
    }
    return 0;
}

/* The best place that an address of the notice has, and the addresses that have it, each once. */
static egs_words_place best_addresses(apr_array_header_t *best, const egs_inbound_mail *mail)
{
    const apr_array_header_t *found = mail->addresses;
    egs_words_place place = EGS_ADDRESS_OWN;

    for (int i = 0; i < found->nelts; i++) {
        const egs_words_address *one = &APR_ARRAY_IDX(found, i, egs_words_address);
        int known = 0;

        if (one->place < place || (one->place < EGS_ADDRESS_ALONE && is_own(mail, one->address))) {
            continue;
        }
        if (one->place > place) {
            apr_array_clear(best);
            place = one->place;
        }
        for (int k = 0; k < best->nelts; k++) {
            known |= !apr_cstr_casecmp(APR_ARRAY_IDX(best, k, egs_words_address).address, one->address);
        }
        if (!known) {
            APR_ARRAY_PUSH(best, egs_words_address) = *one;
        }
    }
    return place;
}

/* Whom the mail in question was sent to, by its own header. */
static const char *original_recipient(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    static const char *const names[] = { "X-Original-To", "Delivered-To", "Envelope-To", "To" };
    egs_fields fields;

    egs_fields_read(&fields, mail->original, pool);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *address = egs_words_address_of(egs_fields_get(&fields, names[i]), pool);

        if (address && !is_own(mail, address)) {
            return address;
        }
    }
    return NULL;
}

/* Those that the notice is about; those that only happen to stand in it count after all others. */
static apr_array_header_t *find_recipients(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    apr_array_header_t *best = apr_array_make(pool, 4, sizeof(egs_words_address));
    const char *other;

    if (best_addresses(best, mail) >= EGS_ADDRESS_NAMED) {
        return best;
    }
    other = egs_words_address_of(egs_fields_get(&mail->parts.header, "X-Failed-Recipients"), pool);
    if (!other) {
        other = original_recipient(mail, pool);
    }
    if (other) {
        apr_array_clear(best);
        APR_ARRAY_PUSH(best, egs_words_address) =
            (egs_words_address){ other, mail->notice, EGS_ADDRESS_NAMED };
    }
    return best;
}

const char *egs_inbound_notice_recipient(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    const apr_array_header_t *found = find_recipients(mail, pool);

    return found->nelts ? APR_ARRAY_IDX(found, 0, egs_words_address).address : NULL;
}

/* ---- what is said of one ------------------------------------------------------- */

static const char *line_start(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n') {
        at--;
    }
    return at;
}

/* A beginning before a place, from which on the place itself is looked at, too. */
static const char *near_to(const char *at, const char *from)
{
    return at - from < STRETCH_MAX / 2 ? from : at - STRETCH_MAX / 2;
}

/* Does a new reply, or what was sent, begin with the next line of a transcript? */
static int is_next_reply(const char *line, const char *next)
{
    if (!strncmp(next, "<<<", 3) || !strncmp(next, ">>>", 3)) {
        return 1;
    }
    return egs_words_reply_code(next) && next[3] == ' ' && !(egs_words_reply_code(line) && line[3] == '-');
}

static apr_size_t shorter(apr_size_t a, apr_size_t b)
{
    return a < b ? a : b;
}

/* Where a paragraph ends, or a reply in a transcript; STRETCH_MAX at most. */
static apr_size_t paragraph_length(const char *text)
{
    const char *end = text;

    while (*end && end - text < STRETCH_MAX) {
        const char *line = end;

        end += strcspn(end, "\n");
        if (*end && (end[1 + strspn(end + 1, " \t")] == '\n' || is_next_reply(line, end + 1))) {
            break;
        }
        end += *end != '\0';
    }
    return shorter((apr_size_t)(end - text), STRETCH_MAX);
}

/* Up to the line of the next address that stands alone, or the end; STRETCH_MAX at most. */
static apr_size_t section_length(const egs_inbound_mail *mail, const char *from, const char *address)
{
    const apr_array_header_t *found = mail->addresses;

    for (int i = 0; i < found->nelts; i++) {
        const egs_words_address *one = &APR_ARRAY_IDX(found, i, egs_words_address);

        if (one->at > from && one->place == EGS_ADDRESS_ALONE && apr_cstr_casecmp(one->address, address)) {
            return shorter((apr_size_t)(line_start(mail->notice, one->at) - from), STRETCH_MAX);
        }
    }
    return strnlen(from, STRETCH_MAX);
}

/* The reply in a stretch of the notice, with the text of its paragraph. */
static egs_words_reply reply_within(const char *from, apr_size_t length, apr_pool_t *pool)
{
    const char *copy = apr_pstrmemdup(pool, from, length);
    egs_words_reply reply = egs_words_find_reply(copy, length, pool);

    reply.text = apr_pstrmemdup(pool, reply.text, paragraph_length(reply.text));
    return reply;
}

/* The first line with the address on which, or behind which in its section, a reply stands. */
static egs_words_reply reply_at(const egs_inbound_mail *mail, const char *address, apr_pool_t *pool)
{
    egs_words_reply best = { EGS_REPLY_NONE, 0, NULL, "" };
    const char *at = mail->notice;
    int tries = 0;

    while ((at = strstr(at, address)) && tries++ < TRIES_MAX && best.surety < EGS_REPLY_ENHANCED_LINE) {
        const char *from = near_to(at, line_start(mail->notice, at));
        egs_words_reply reply = reply_within(from, paragraph_length(from), pool);

        if (reply.surety <= EGS_REPLY_LOOSE) {
            reply = reply_within(from, section_length(mail, from, address), pool);
        }
        best = reply.surety > best.surety ? reply : best;
        at += strlen(address);
    }
    return best;
}

/* Where the address has its best place in the notice; NULL: nowhere. */
static const char *best_place(const egs_inbound_mail *mail, const char *address)
{
    const apr_array_header_t *found = mail->addresses;
    const egs_words_address *best = NULL;

    for (int i = 0; address && i < found->nelts; i++) {
        const egs_words_address *one = &APR_ARRAY_IDX(found, i, egs_words_address);

        if (!apr_cstr_casecmp(one->address, address) && (!best || one->place > best->place)) {
            best = one;
        }
    }
    return best ? best->at : NULL;
}

/* The beginning of the paragraph that a place is in. */
static const char *paragraph_start(const char *text, const char *at)
{
    const char *line = line_start(text, at);

    while (line > text && line[strspn(line, " \t")] != '\n') {
        line = line_start(text, line - 1);
    }
    return line + strspn(line, " \t\n");
}

/* The paragraph with the address; with the next one where it has one of its own. */
static const char *words_at(const egs_inbound_mail *mail, const char *address, apr_pool_t *pool)
{
    const char *at = best_place(mail, address), *from, *end;

    if (!at) {
        from = mail->notice + strspn(mail->notice, " \t\n");
        return apr_pstrmemdup(pool, from, paragraph_length(from));
    }
    from = near_to(at, paragraph_start(mail->notice, at));
    end = at + paragraph_length(at);
    if (at + strlen(address) + strspn(at + strlen(address), ">\"')]:;,. \t\n") >= end) {
        end += strspn(end, " \t\n");
        end += paragraph_length(end);
    }
    return apr_pstrmemdup(pool, from, (apr_size_t)(end - from));
}

egs_words_reply egs_inbound_notice_any_reply(const char *notice, apr_pool_t *pool)
{
    return reply_within(notice, strlen(notice), pool);
}

egs_words_reply egs_inbound_notice_reply(const egs_inbound_mail *mail, const char *address, apr_pool_t *pool)
{
    egs_words_reply reply = { EGS_REPLY_NONE, 0, NULL, "" };

    if (address) {
        reply = reply_at(mail, address, pool);
    }
    if (reply.surety == EGS_REPLY_NONE) {
        reply = mail->reply;
    }
    if (reply.surety == EGS_REPLY_NONE) {
        reply.text = words_at(mail, address, pool);
    }
    return reply;
}

/* ---- all of it ------------------------------------------------------------------- */

static void add_report(egs_inbound *inbound, egs_inbound_kind kind, const egs_inbound_mail *mail,
                       const char *recipient, apr_pool_t *pool)
{
    egs_inbound_report *report = &inbound->reports[inbound->count++];
    egs_words_reply reply = egs_inbound_notice_reply(mail, recipient, pool);

    memset(report, 0, sizeof *report);
    report->kind = kind;
    report->recipient = recipient;
    egs_inbound_judge(report, &reply, NULL, pool);
}

static void add_reports(egs_inbound *inbound, egs_inbound_kind kind, const egs_inbound_mail *mail,
                        apr_pool_t *pool)
{
    const apr_array_header_t *found = find_recipients(mail, pool);
    int all = found->nelts && APR_ARRAY_IDX(found, 0, egs_words_address).place == EGS_ADDRESS_ALONE;

    for (int i = 0; i < found->nelts && (all || i == 0) && inbound->count < EGS_INBOUND_REPORTS_MAX; i++) {
        add_report(inbound, kind, mail, APR_ARRAY_IDX(found, i, egs_words_address).address, pool);
    }
    if (!found->nelts) {
        add_report(inbound, kind, mail, NULL, pool);
    }
}

static egs_inbound_kind find_kind(const egs_inbound_mail *mail, apr_pool_t *pool)
{
    int of_daemon = is_of_daemon(mail, pool);
    const egs_words_reply *reply = &mail->reply;

    if (!of_daemon && is_automatic(mail, pool)) {
        return EGS_INBOUND_ANSWER;
    }
    if (!is_notice(mail, of_daemon, reply, pool)) {
        return EGS_INBOUND_OTHER;
    }
    if (egs_words_say(mail->folded, SUCCEEDED)) {
        return EGS_INBOUND_SUCCESS;
    }
    if (!egs_words_say(mail->folded, FINAL) && egs_words_say(mail->folded, DELAYED)) {
        return EGS_INBOUND_DELAY;
    }
    return egs_words_say(mail->folded, FAILED) || (of_daemon && reply->surety >= EGS_REPLY_STATUS)
               ? EGS_INBOUND_BOUNCE
               : EGS_INBOUND_OTHER;
}

egs_inbound_kind egs_inbound_notice(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool)
{
    egs_inbound_kind kind = find_kind(mail, pool);

    if (kind == EGS_INBOUND_BOUNCE || kind == EGS_INBOUND_DELAY || kind == EGS_INBOUND_SUCCESS) {
        add_reports(inbound, kind, mail, pool);
    }
    return kind;
}
