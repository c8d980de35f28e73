/*
 * Delivery status, RFC 3464.
 */
#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "hostname.h"
#include "inbound_report.h"

#define GROUPS_MAX (2 * EGS_INBOUND_REPORTS_MAX) /* that are looked at */

/* What one group of fields comes to. */
typedef struct {
    egs_inbound_kind kind;
    const char *status; /* "5.1.1", or NULL */
    const egs_fields *fields;
} group;

/* "rfc822; ann@example.org", without the type. */
static const char *behind_type(const char *value)
{
    const char *semicolon = value ? strchr(value, ';') : NULL;

    value = semicolon ? semicolon + 1 : value;
    return value ? value + strspn(value, " ") : NULL;
}

static const char *address_in(const egs_fields *fields, const char *name, apr_pool_t *pool)
{
    return egs_words_address_of(behind_type(egs_fields_get(fields, name)), pool);
}

/* The status code that a field begins with, of whatever class. */
static const char *read_status(const char *value, apr_pool_t *pool)
{
    apr_size_t length = value ? strspn(value, "0123456789.") : 0;

    if (length < 5 || length > 9 || !strchr("245", *value) || value[1] != '.') {
        return NULL;
    }
    return apr_pstrmemdup(pool, value, length);
}

static egs_inbound_kind kind_of_action(const char *action)
{
    static const struct {
        const char *word;
        egs_inbound_kind kind;
    } actions[] = {
        { "failed", EGS_INBOUND_BOUNCE },   { "failure", EGS_INBOUND_BOUNCE },
        { "delayed", EGS_INBOUND_DELAY },   { "delivered", EGS_INBOUND_SUCCESS },
        { "relayed", EGS_INBOUND_SUCCESS }, { "expanded", EGS_INBOUND_SUCCESS },
    };

    for (size_t i = 0; action && i < sizeof actions / sizeof *actions; i++) {
        if (!apr_cstr_casecmpn(action, actions[i].word, strlen(actions[i].word))) {
            return actions[i].kind;
        }
    }
    return EGS_INBOUND_OTHER;
}

/* The action, or where there is none the class of the status. */
static egs_inbound_kind kind_of(const egs_fields *fields, const char *status)
{
    egs_inbound_kind kind = kind_of_action(egs_fields_get(fields, "Action"));

    if (kind != EGS_INBOUND_OTHER || !status) {
        return kind;
    }
    return *status == '5' ? EGS_INBOUND_BOUNCE : *status == '4' ? EGS_INBOUND_DELAY : EGS_INBOUND_SUCCESS;
}

static int is_of_recipient(const egs_fields *fields)
{
    return egs_fields_get(fields, "Final-Recipient") || egs_fields_get(fields, "Original-Recipient") ||
           egs_fields_get(fields, "Action") || egs_fields_get(fields, "Status");
}

/* The name of a host out of "dns; mx.example.org. (192.0.2.1)". */
static const char *host_in(const egs_fields *fields, const char *name, apr_pool_t *pool)
{
    const char *value = behind_type(egs_fields_get(fields, name)), *host;
    apr_size_t length = value ? strspn(value, EG_HOST_NAME_BYTES) : 0;

    length -= length && value[length - 1] == '.';
    if (!length || eg_hostname_parse(&host, apr_pstrmemdup(pool, value, length), pool) != APR_SUCCESS) {
        return NULL;
    }
    return host;
}

/* The server's words; without them what the notice says of this address. */
static egs_words_reply find_reply(const egs_fields *fields, const egs_inbound_mail *mail,
                                  const char *recipient, apr_pool_t *pool)
{
    const char *diagnostic = behind_type(egs_fields_get(fields, "Diagnostic-Code"));
    egs_words_reply reply = { EGS_REPLY_NONE, 0, NULL, "" };

    if (diagnostic) {
        reply = egs_words_find_reply(diagnostic, strlen(diagnostic), pool);
    }
    if (reply.surety < EGS_REPLY_LOOSE) {
        egs_words_reply noticed = egs_inbound_notice_reply(mail, recipient, pool);

        reply = noticed.surety > reply.surety || !*reply.text ? noticed : reply;
    }
    return reply;
}

/* Did a program on the reporting system fail, and not a server? What it says may be about anything. */
static int is_of_program(const egs_fields *fields)
{
    const char *value = egs_fields_get(fields, "Diagnostic-Code");

    return value && !apr_cstr_casecmpn(value, "x-unix", 6);
}

/* Mail services whose customers make rules that bounce, with words of their choice: no server refused the address. */
static int is_by_rule(const egs_fields *fields, const char *reporting)
{
    return reporting && !egs_fields_get(fields, "Remote-MTA") &&
           eg_hostname_within(reporting, "amazonaws.com");
}

static void add_report(egs_inbound *inbound, const group *one, const egs_inbound_mail *mail,
                       const char *reporting, apr_pool_t *pool)
{
    egs_inbound_report *report = &inbound->reports[inbound->count++];
    egs_words_reply reply;

    memset(report, 0, sizeof *report);
    report->kind = one->kind;
    report->recipient = address_in(one->fields, "Final-Recipient", pool);
    report->original = address_in(one->fields, "Original-Recipient", pool);
    report->host = host_in(one->fields, "Remote-MTA", pool);
    if (!egs_fields_get(one->fields, "Remote-MTA")) {
        report->host = reporting;
    }
    if (!report->recipient) {
        report->recipient = report->original ? report->original : egs_inbound_notice_recipient(mail, pool);
    }
    reply = find_reply(one->fields, mail, report->recipient, pool);
    egs_inbound_judge(report, &reply, one->status, pool);
    report->suppress = report->suppress && !is_of_program(one->fields) && !is_by_rule(one->fields, reporting);
}

/* The groups of one text. */
static void read_groups(egs_inbound *inbound, const char *text, const egs_inbound_mail *mail,
                        apr_pool_t *pool)
{
    const char *reporting = NULL;

    text += strspn(text, " \t\n");
    for (int groups = 0; *text && groups < GROUPS_MAX && inbound->count < EGS_INBOUND_REPORTS_MAX; groups++) {
        egs_fields fields;
        group one = { EGS_INBOUND_OTHER, NULL, &fields };

        text = egs_fields_read(&fields, text, pool);
        reporting = reporting ? reporting : host_in(&fields, "Reporting-MTA", pool);
        if (is_of_recipient(&fields)) {
            one.status = read_status(egs_fields_get(&fields, "Status"), pool);
            one.kind = kind_of(&fields, one.status);
            add_report(inbound, &one, mail, reporting, pool);
        }
    }
}

/* Some write their groups below the words for people, in no part of their own. */
static const char *find_groups(const char *notice)
{
    for (const char *line = notice; *line; line += *line == '\n') {
        if (!apr_cstr_casecmpn(line, "Reporting-MTA:", 14)) {
            return line;
        }
        line += strcspn(line, "\n");
    }
    return NULL;
}

/* Only the reports of one kind stay: a bounce is graver than what else is told. Those that tell nothing go. */
static egs_inbound_kind keep_gravest(egs_inbound *inbound)
{
    egs_inbound_kind kind = inbound->count ? inbound->reports[0].kind : EGS_INBOUND_OTHER;
    int kept = 0;

    for (int i = 0; i < inbound->count; i++) {
        kind = inbound->reports[i].kind == EGS_INBOUND_BOUNCE ? EGS_INBOUND_BOUNCE : kind;
    }
    for (int i = 0; i < inbound->count; i++) {
        if (inbound->reports[i].kind == kind && kind != EGS_INBOUND_OTHER) {
            inbound->reports[kept++] = inbound->reports[i];
        }
    }
    inbound->mixed = kept && kept < inbound->count;
    inbound->count = kept;
    return kind;
}

egs_inbound_kind egs_inbound_status(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool)
{
    const char *below = find_groups(mail->notice);

    for (int i = 0; i < mail->parts.count; i++) {
        if (mail->parts.each[i].kind == EGS_PART_STATUS) {
            read_groups(inbound, mail->parts.each[i].text, mail, pool);
        }
    }
    if (!inbound->count && below) {
        read_groups(inbound, below, mail, pool);
    }
    return keep_gravest(inbound);
}
