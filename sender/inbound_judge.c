/*
 * A reply out of a report: its codes, its class, and whether the address takes no mail.
 */
#include <string.h>

#include "classify.h"
#include "inbound_report.h"

/* What mail systems say in their own words where no server gave them a code. The first that fits decides. */
static const struct {
    const char *words, *enhanced;
} phrases[] = {
    { "mailbox full|mailbox is full|over quota|quota exceeded|exceeded storage|mailbox size limit|inbox is full|"
      "disk quota|not enough space|exceeded the space|storage space", "5.2.2" },
    { "too long in|in the queue too long|queue too long|giving up|delivery time expired|message expired|retry timeout|"
      "retry time|timed out|cannot send message for|could not be delivered for|delivery expired|within the time|"
      "not be delivered within|unable to deliver message after|maximum time|has been undeliverable for", "5.4.7" },
    { "message too large|message is too large|too big|size limit|exceeds the maximum size|exceeded the maximum",
      "5.3.4" },
    { "host unknown|unknown host|no such domain|domain not found|couldn't find any host|host not found|"
      "no such host|domain does not exist|nonexistent domain|host or domain name not found|unknown domain|"
      "domain name not found", "5.1.2" },
    { "recipient name is not recognized|unknown recipient|recipient unknown|invalid final delivery userid|"
      "invalid user address|not listed in|addressee unknown|no such user|no such address|user unknown|unknown user|"
      "no mailbox here by that name|user not found|recipient not found|does not exist|unknown address|"
      "invalid recipient|not a valid user|no such mailbox|mailbox not found|address not found|"
      "e-mail account does not exist", "5.1.1" },
};

static int says_little(const char *enhanced)
{
    return !enhanced || !strcmp(enhanced + 1, ".0.0");
}

/* Where one of two codes says no more than the class, the other does. */
static const char *choose(const char *of_reply, const char *of_status)
{
    return !says_little(of_reply) ? of_reply : !says_little(of_status) || !of_reply ? of_status : of_reply;
}

static const char *code_of_words(const char *folded)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (egs_words_say(folded, phrases[i].words)) {
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

    report->code = reply->code;
    report->enhanced = choose(reply->enhanced, status);
    report->text = *reply->text ? egs_words_clean(reply->text, strlen(reply->text), pool) : NULL;
    judged = report->enhanced;
    if (!report->code && says_little(judged)) {
        const char *meant = code_of_words(folded);

        judged = meant ? meant : judged;
    }
    verdict = egs_classify(egs_provider_of(report->host), EGS_STAGE_RCPT, code_for(report), judged, report->text);
    report->class = verdict.class == EGS_CLASS_NONE ? EGS_CLASS_TECHNICAL : verdict.class;
    report->suppress = verdict.suppress;
    if (report->class == EGS_CLASS_TECHNICAL && is_of_age(judged)) {
        report->class = EGS_CLASS_EXPIRED;
    }
}
