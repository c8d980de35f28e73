/*
 * A reply out of a report: its codes, its class, and whether the address takes no mail.
 */
#include <apr_strings.h>
#include <string.h>

#include "classify.h"
#include "inbound_report.h"

/* What mail systems say in their own words. */
#define FULL                                                                                                 \
    "mailbox full|mailbox is full|over quota|quota exceeded|exceeded storage|mailbox size limit|"            \
    "inbox is full|disk quota|not enough space|not enough disk|exceeded the space|storage space"
#define NULL_MX "no smtp service|does not accept mail|null mx"
#define TOO_OLD                                                                                              \
    "too long in|queue too long|giving up|delivery time expired|message expired|retry timeout|"              \
    "envelope expired|retry time|timed out|cannot send message for|could not be delivered for|"              \
    "delivery expired|within the time|not be delivered within|unable to deliver message after|"              \
    "maximum time|has been undeliverable for|will be deleted from queue"
#define TOO_LARGE                                                                                            \
    "message too large|message is too large|too big|size limit|exceeds the maximum size|"                    \
    "exceeded the maximum"
#define NO_HOST                                                                                              \
    "host unknown|unknown host|no such domain|couldn't find any host|no such host|"                          \
    "domain does not exist|nonexistent domain|unknown domain"
#define HOST_NOT_FOUND                                                                                       \
    "domain not found|host not found|host or domain name not found|domain name not found|"                   \
    "dns lookup failure"
#define NO_USER                                                                                              \
    "recipient name is not recognized|unknown recipient|invalid final delivery userid|"                      \
    "invalid user address|not listed in|addressee unknown|no such address|"                                  \
    "no mailbox here by that name|unrouteable address|unroutable address|"                                   \
    "check if address is correct|not a valid user|account does not exist"

/* The first that fits is the code where there is no enhanced one. What servers say with a code is classify.c's to judge. */
static const struct {
    const char *words, *enhanced;
    int beside_code; /* also where there is a plain code */
} phrases[] = {
    { FULL, "5.2.2", 0 },      { NULL_MX, "5.1.10", 0 }, { TOO_OLD, "5.4.7", 0 },
    { TOO_LARGE, "5.3.4", 0 }, { NO_HOST, "5.1.2", 1 },  { HOST_NOT_FOUND, "5.1.2", 0 },
    { NO_USER, "5.1.1", 0 },
};

/* The words of the notice against those of the reply: somebody has the address. */
#define SOMEBODYS                                                                                            \
    "disk space|mailbox full|mailbox is full|over quota|quota exceeded|is disabled|account disabled|"        \
    "account has been disabled|has been suspended|account is suspended|is inactive"

/* What the reply answered, as reports tell it. */
#define AT_RCPT                                                                                              \
    "in reply to rcpt to|after rcpt to|in response to rcpt|response to rcpt|[rcpt_to]|>>> rcpt to|"          \
    "rcpt to command|rcpt to:<"

static int says_little(const char *enhanced)
{
    return !enhanced || !strcmp(enhanced + 1, ".0.0");
}

/* Where one of two codes says no more than the class, the other does. */
static const char *choose(const char *of_reply, const char *of_status)
{
    return !says_little(of_reply) ? of_reply : !says_little(of_status) || !of_reply ? of_status : of_reply;
}

static const char *code_of_words(const char *folded, int code)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if ((!code || phrases[i].beside_code) && egs_words_say(folded, phrases[i].words)) {
            return phrases[i].enhanced;
        }
    }
    return NULL;
}

/* A plain code to judge by: the reply's, else that of the class. Who reports a failure means it for good. */
static int code_for(const egs_inbound_report *report)
{
    return report->code ? report->code : report->enhanced && *report->enhanced == '4' ? 400 : 500;
}

static int is_of_age(const char *enhanced)
{
    return enhanced && (!strcmp(enhanced + 1, ".4.7") || *enhanced == '4');
}

void egs_inbound_judge(egs_inbound_report *report, const egs_words_reply *reply, const char *status,
                       apr_pool_t *pool)
{
    const char *folded = egs_words_fold(reply->text, pool), *judged;
    egs_verdict verdict;

    if (report->kind == EGS_INBOUND_BOUNCE && status && *status == '2') {
        status = NULL; /* says nothing of a failure */
    }
    report->code = reply->code;
    report->enhanced = choose(reply->enhanced, status);
    report->text = *reply->text ? egs_words_clean(reply->text, strlen(reply->text), pool) : NULL;
    judged = report->enhanced;
    if (says_little(judged)) {
        const char *meant = code_of_words(folded, report->code);

        judged = meant ? meant : judged;
    }
    verdict =
        egs_classify(egs_provider_of(report->host), EGS_STAGE_RCPT, code_for(report), judged, report->text);
    report->class = verdict.class == EGS_CLASS_NONE ? EGS_CLASS_TECHNICAL : verdict.class;
    report->suppress = verdict.suppress && report->kind == EGS_INBOUND_BOUNCE;
    report->sure = judged && (!strncmp(judged + 1, ".1.", 3) || !strcmp(judged + 1, ".2.1"));
    if (report->class == EGS_CLASS_TECHNICAL && is_of_age(judged)) {
        report->class = EGS_CLASS_EXPIRED;
    }
}

/* A server that took the recipient and refuses the content often says that it knows no such user. */
static int is_confirmed(const egs_inbound_report *report, const char *words)
{
    return !egs_words_say(words, SOMEBODYS) && (report->sure || egs_words_say(words, AT_RCPT));
}

/*
 * Words alone are not enough to take an address off for good: a status of the address, or that the
 * reply was to the recipient's command, must be there as well. The notice counts for one recipient only.
 */
void egs_inbound_confirm(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool)
{
    for (int i = 0; i < inbound->count; i++) {
        egs_inbound_report *report = &inbound->reports[i];
        const char *text = egs_words_fold(report->text ? report->text : "", pool);

        report->suppress =
            report->suppress &&
            is_confirmed(report,
                         inbound->count == 1 ? apr_pstrcat(pool, text, " ", mail->folded, NULL) : text);
    }
}
