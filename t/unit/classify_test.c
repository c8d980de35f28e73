/* egs_classify: replies of the large providers, the registered codes, and whom they may suppress. */
#include "testpool.h"

#include <apr_file_io.h>
#include <apr_strings.h>
#include <jansson.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"

#define GMAIL "gmail-smtp-in.l.google.com"
#define OUTLOOK "example-com.mail.protection.outlook.com"
#define HOTMAIL "hotmail-com.olc.protection.outlook.com"
#define YAHOO "mta5.am0.yahoodns.net"
#define ICLOUD "mx01.mail.icloud.com"
#define COMCAST "mx1.mxge.comcast.net"
#define OTHER "mx.example.net"

#define RETRY EGS_ACTION_RETRY
#define BOUNCE EGS_ACTION_BOUNCE

static const struct {
    const char *host;
    egs_provider provider;
} hosts[] = {
    { GMAIL, EGS_PROVIDER_GOOGLE },
    { "ALT1.ASPMX.L.GOOGLE.COM.", EGS_PROVIDER_GOOGLE },
    { OUTLOOK, EGS_PROVIDER_MICROSOFT },
    { HOTMAIL, EGS_PROVIDER_MICROSOFT },
    { "example-com.a-v1.mx.microsoft", EGS_PROVIDER_MICROSOFT },
    { YAHOO, EGS_PROVIDER_YAHOO },
    { "mx-aol.mail.gm0.yahoodns.net", EGS_PROVIDER_YAHOO },
    { ICLOUD, EGS_PROVIDER_APPLE },
    { COMCAST, EGS_PROVIDER_COMCAST },
    { "google.com", EGS_PROVIDER_GOOGLE },
    { "notgoogle.com", EGS_PROVIDER_OTHER },
    { "google.com.example.net", EGS_PROVIDER_OTHER },
    { OTHER, EGS_PROVIDER_OTHER },
    { ".", EGS_PROVIDER_OTHER },
    { "", EGS_PROVIDER_OTHER },
    { NULL, EGS_PROVIDER_OTHER },
};

static void knows_providers_by_their_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        print_message("# %s\n", hosts[i].host ? hosts[i].host : "none");
        assert_int_equal(egs_provider_of(hosts[i].host), hosts[i].provider);
    }
}

typedef struct {
    const char *host;
    egs_stage stage;
    int code;
    const char *enhanced, *text;
    egs_action action;
    egs_class class;
    int slow_down, suppress;
} reply;

/* What the sender, its address, domain, mail or rate is blamed for. None of it may suppress. */
static const reply senders_faults[] = {
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.23",
      "The sending IP address for this message doesn't have a PTR record", RETRY, EGS_CLASS_AUTHENTICATION, 1,
      0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.25",
      "The IP address sending this message does not have a PTR record setup", BOUNCE,
      EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.27", "unauthenticated, SPF did not pass", RETRY,
      EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.27", "SPF did not pass", BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 451, "4.7.24", "SPF record has suspicious entries", RETRY,
      EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.24", "", BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.30", "DKIM did not pass", RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.30", NULL, BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.26", "unauthenticated", RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 451, "4.7.26", "not accepted due to domain's DMARC policy", RETRY,
      EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.26", "This mail has been blocked because the sender is unauthenticated",
      BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.31", NULL, RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.40", NULL, RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.40", NULL, BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.32", NULL, RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.32", NULL, BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.29", "not sent over a TLS connection", RETRY, EGS_CLASS_POLICY, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.29", NULL, BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { GMAIL, EGS_STAGE_DOT, 421, "4.7.28", "an unusual rate of unsolicited mail", RETRY, EGS_CLASS_REPUTATION,
      1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.28", NULL, BOUNCE, EGS_CLASS_REPUTATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 550, "5.7.1", "this message is likely unsolicited mail", BOUNCE,
      EGS_CLASS_REPUTATION, 1, 0 },
    { GMAIL, EGS_STAGE_DOT, 552, "5.7.0", "blocked because its content presents a potential security issue",
      BOUNCE, EGS_CLASS_CONTENT, 0, 0 },
    { GMAIL, EGS_STAGE_RCPT, 550, "5.2.1",
      "The user you are trying to contact is receiving mail at a rate that", BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 550, "5.7.27", "Sender address has null MX", BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 550, "5.7.25", "Reverse DNS validation failed", BOUNCE, EGS_CLASS_AUTHENTICATION,
      0, 0 },
    { OTHER, EGS_STAGE_DOT, 550, "5.7.23", NULL, BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { OUTLOOK, EGS_STAGE_DOT, 550, "5.7.25", NULL, BOUNCE, EGS_CLASS_AUTHENTICATION, 0, 0 },
    { OUTLOOK, EGS_STAGE_DOT, 550, "5.7.23", "violated its Sender Policy Framework", BOUNCE,
      EGS_CLASS_AUTHENTICATION, 0, 0 },
    { OUTLOOK, EGS_STAGE_DOT, 450, "4.7.26", NULL, RETRY, EGS_CLASS_AUTHENTICATION, 1, 0 },
    { HOTMAIL, EGS_STAGE_DOT, 550, "5.7.515", "Access denied, sending domain does not meet the level", BOUNCE,
      EGS_CLASS_AUTHENTICATION, 0, 0 },
    { OUTLOOK, EGS_STAGE_DOT, 550, "5.7.509", "does not pass DMARC verification", BOUNCE,
      EGS_CLASS_AUTHENTICATION, 0, 0 },
    { OUTLOOK, EGS_STAGE_MAIL, 450, "4.7.321", "starttls-not-supported", RETRY, EGS_CLASS_POLICY, 1, 0 },
    { OUTLOOK, EGS_STAGE_MAIL, 550, "5.7.325", NULL, BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { OUTLOOK, EGS_STAGE_RCPT, 550, "5.7.606", "Access denied, banned sending IP", BOUNCE,
      EGS_CLASS_REPUTATION, 1, 0 },
    { OUTLOOK, EGS_STAGE_RCPT, 451, "4.7.650", "The mail server has been temporarily rate limited", RETRY,
      EGS_CLASS_REPUTATION, 1, 0 },
    { HOTMAIL, EGS_STAGE_MAIL, 550, "5.7.1", "part of their network is on our block list (S3150)", BOUNCE,
      EGS_CLASS_REPUTATION, 1, 0 },
    { YAHOO, EGS_STAGE_GREETING, 421, "4.7.0", "[TSS04] Messages temporarily deferred due to user complaints",
      RETRY, EGS_CLASS_REPUTATION, 1, 0 },
    { YAHOO, EGS_STAGE_GREETING, 553, "5.7.1", "[BL21] Connections will not be accepted", RETRY,
      EGS_CLASS_REPUTATION, 1, 0 },
    { YAHOO, EGS_STAGE_DOT, 554, "5.7.2", "delivery error: dd This user doesn't have a yahoo.com account",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { YAHOO, EGS_STAGE_DOT, 554, "5.7.9", "Message not accepted for policy reasons", BOUNCE, EGS_CLASS_POLICY,
      0, 0 },
    { ICLOUD, EGS_STAGE_DOT, 554, "5.7.1", "[CS01] Message rejected due to local policy", BOUNCE,
      EGS_CLASS_CONTENT, 0, 0 },
    { COMCAST, EGS_STAGE_RCPT, 421, "4.1.0", "Throttled - try again later. RL000001", RETRY,
      EGS_CLASS_REPUTATION, 1, 0 },
    { COMCAST, EGS_STAGE_MAIL, 554, "5.7.1", "blocked for spam BL000010", BOUNCE, EGS_CLASS_REPUTATION, 1,
      0 },
    { OTHER, EGS_STAGE_RCPT, 554, "5.7.1", "Client host [192.0.2.1] blocked using zen.spamhaus.org", BOUNCE,
      EGS_CLASS_REPUTATION, 1, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.7.1", "no such user here, says our policy", BOUNCE, EGS_CLASS_POLICY, 0,
      0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.8", "Sender address rejected: Domain not found", BOUNCE,
      EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.0", "Sender address rejected: User unknown in virtual mailbox table",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, NULL, "Sender verify failed: no such user", BOUNCE, EGS_CLASS_POLICY, 0,
      0 },
    { OTHER, EGS_STAGE_MAIL, 550, "5.1.1", "User unknown", BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.1", "192.0.2.1 has sent to too many recipients this hour", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.1", "Refused due to recipient preferences", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 554, NULL, "This looks like spam to us", BOUNCE, EGS_CLASS_CONTENT, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 552, "5.3.4", "Message size exceeds fixed limit", BOUNCE, EGS_CLASS_CONTENT, 0,
      0 },
    { OTHER, EGS_STAGE_DOT, 552, NULL, "Message size exceeds maximum", BOUNCE, EGS_CLASS_CONTENT, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 550, "5.6.1", "8-bit not supported", BOUNCE, EGS_CLASS_CONTENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 554, "5.7.1", "Relay access denied", BOUNCE, EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_GREETING, 554, "5.1.1", "user unknown", RETRY, EGS_CLASS_POLICY, 1, 0 },
    { OTHER, EGS_STAGE_AUTH, 535, "5.7.8", "authentication failed", RETRY, EGS_CLASS_POLICY, 0, 0 },
};

/* What is nobody's fault for ever, or not clearly the address's. */
static const reply others[] = {
    { GMAIL, EGS_STAGE_RCPT, 452, "4.2.2", "The recipient's inbox is out of storage space", RETRY,
      EGS_CLASS_MAILBOX_FULL, 0, 0 },
    { GMAIL, EGS_STAGE_RCPT, 552, "5.2.2", "The recipient's inbox is out of storage space", BOUNCE,
      EGS_CLASS_MAILBOX_FULL, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 552, NULL, "requested mail action aborted", BOUNCE, EGS_CLASS_MAILBOX_FULL, 0,
      0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.1", "Mailbox full", BOUNCE, EGS_CLASS_MAILBOX_FULL, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, NULL, "user is over quota", BOUNCE, EGS_CLASS_MAILBOX_FULL, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 450, "4.2.0", "<ann@example.net>: Greylisted", RETRY, EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 451, "4.7.1", "Greylisting in action, come back later", RETRY, EGS_CLASS_POLICY,
      0, 0 },
    { OTHER, EGS_STAGE_RCPT, 450, "4.1.1", "user unknown, for now", RETRY, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 450, NULL, "no such user", RETRY, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 451, "4.3.0", NULL, RETRY, EGS_CLASS_TECHNICAL, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 421, "4.3.2", "closing", RETRY, EGS_CLASS_TECHNICAL, 1, 0 },
    { OTHER, EGS_STAGE_DOT, 550, "5.4.6", "routing loop: user unknown", BOUNCE, EGS_CLASS_TECHNICAL, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.3.0", "user unknown", BOUNCE, EGS_CLASS_TECHNICAL, 0, 0 },
    { OUTLOOK, EGS_STAGE_RCPT, 550, "5.4.1", "Recipient address rejected: Access denied", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 0 },
    { OUTLOOK, EGS_STAGE_RCPT, 550, "5.2.121", "recipient's hourly receive limit exceeded", BOUNCE,
      EGS_CLASS_POLICY, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.5.0", "requested action not taken: mailbox unavailable", BOUNCE,
      EGS_CLASS_TECHNICAL, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, NULL, "Rejected", BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, NULL, "<no such user@example.net> <user-unknown@example.net> rejected",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.2.1", "not now", BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "4.1.1", "user unknown", BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.7.17", "mailbox owner has changed", BOUNCE, EGS_CLASS_RECIPIENT, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 599, NULL, NULL, BOUNCE, EGS_CLASS_TECHNICAL, 0, 0 },
    { OTHER, EGS_STAGE_DATA, 250, "2.0.0", "no", RETRY, EGS_CLASS_TECHNICAL, 0, 0 },
    { OTHER, EGS_STAGE_DOT, 354, NULL, "no", RETRY, EGS_CLASS_TECHNICAL, 0, 0 },
    { NULL, EGS_STAGE_CONNECT, 0, NULL, "no such user", RETRY, EGS_CLASS_TECHNICAL, 0, 0 },
    { NULL, EGS_STAGE_NONE, 0, NULL, NULL, RETRY, EGS_CLASS_TECHNICAL, 0, 0 },
};

/* Addresses that nobody has. */
static const reply recipients_faults[] = {
    { GMAIL, EGS_STAGE_RCPT, 550, "5.1.1",
      "The email account that you tried to reach does not exist. Please try double-checking the recipient's "
      "email "
      "address for typos or unnecessary spaces. For more information, go to "
      "https://support.google.com/mail/?p=NoSuchUser a1-2002 - gsmtp",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { GMAIL, EGS_STAGE_RCPT, 550, "5.2.1",
      "The email account that you tried to reach is disabled. "
      "https://support.google.com/mail/?p=DisabledUser",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OUTLOOK, EGS_STAGE_RCPT, 550, "5.1.10", "RESOLVER.ADR.RecipientNotFound; Recipient not found", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 1 },
    { HOTMAIL, EGS_STAGE_RCPT, 550, "5.5.0", "Requested action not taken: mailbox unavailable (S2017062302).",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { YAHOO, EGS_STAGE_DOT, 554, NULL,
      "delivery error: dd This user doesn't have a yahoo.com account (a@b) [0]", BOUNCE, EGS_CLASS_RECIPIENT,
      0, 1 },
    { YAHOO, EGS_STAGE_DOT, 552, NULL, "1 Requested mail action aborted, mailbox not found", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 1 },
    { ICLOUD, EGS_STAGE_RCPT, 550, "5.1.1", "<ann@icloud.com>: user does not exist", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 1 },
    { COMCAST, EGS_STAGE_RCPT, 550, "5.1.1", "Not our Customer", BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.1",
      "<spam@example.net>: Recipient address rejected: User unknown in relay recipient table", BOUNCE,
      EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.1", NULL, BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.1.2", NULL, BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 501, "5.1.3", "Bad recipient address syntax", BOUNCE, EGS_CLASS_RECIPIENT, 0,
      1 },
    { OTHER, EGS_STAGE_RCPT, 551, "5.1.6", "recipient no longer on server", BOUNCE, EGS_CLASS_RECIPIENT, 0,
      1 },
    { OTHER, EGS_STAGE_RCPT, 556, "5.1.10", NULL, BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, NULL, "No such user here", BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.0.0", "ann... User unknown", BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { OTHER, EGS_STAGE_RCPT, 550, "5.5.0", "Adresse destinataire invalide. Invalid recipient. LPN007_416",
      BOUNCE, EGS_CLASS_RECIPIENT, 0, 1 },
    { NULL, EGS_STAGE_NONE, 0, "5.1.10", "the domain takes no mail", RETRY, EGS_CLASS_RECIPIENT, 0, 1 },
};

static void judge_all(const reply *replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const reply *one = &replies[i];
        egs_verdict verdict =
            egs_classify(egs_provider_of(one->host), one->stage, one->code, one->enhanced, one->text);

        print_message("# %s: %d %s %s\n", one->host ? one->host : "none", one->code,
                      one->enhanced ? one->enhanced : "", one->text ? one->text : "");
        assert_int_equal(verdict.suppress, one->suppress);
        assert_int_equal(verdict.action, one->action);
        assert_string_equal(egs_class_name(verdict.class), egs_class_name(one->class));
        assert_int_equal(verdict.slow_down, one->slow_down);
    }
}

static void never_suppresses_for_what_the_sender_did(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof senders_faults / sizeof *senders_faults; i++) {
        assert_int_equal(senders_faults[i].suppress, 0);
    }
    judge_all(senders_faults, sizeof senders_faults / sizeof *senders_faults);
}

static void tells_faults_apart(void **state)
{
    (void)state;
    judge_all(others, sizeof others / sizeof *others);
}

static void suppresses_addresses_that_nobody_has(void **state)
{
    (void)state;
    judge_all(recipients_faults, sizeof recipients_faults / sizeof *recipients_faults);
}

static void takes_success_for_what_it_is(void **state)
{
    egs_verdict verdict = egs_classify(EGS_PROVIDER_OTHER, EGS_STAGE_DOT, 250, "2.0.0", "user unknown");

    (void)state;
    assert_int_equal(verdict.action, EGS_ACTION_DELIVERED);
    assert_null(egs_class_name(verdict.class));
    assert_false(verdict.slow_down || verdict.suppress);
}

/* ---- every code there is ---------------------------------------------------------- */

static int may_suppress(const char *detail)
{
    static const char *const details[] = { "1.1", "1.2", "1.3", "1.6", "1.10" };

    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        if (!strcmp(detail, details[i])) {
            return 1;
        }
    }
    return 0;
}

static void check_code(egs_provider provider, int code, const char *detail, apr_pool_t *pool)
{
    const char *enhanced = apr_psprintf(pool, "%d.%s", code / 100, detail);

    for (egs_stage stage = EGS_STAGE_CONNECT; stage <= EGS_STAGE_DOT; stage++) {
        egs_verdict verdict = egs_classify(provider, stage, code, enhanced, NULL);

        assert_int_equal(verdict.action,
                         code / 100 == 5 && stage >= EGS_STAGE_MAIL ? EGS_ACTION_BOUNCE : EGS_ACTION_RETRY);
        assert_int_equal(verdict.suppress,
                         code / 100 == 5 && stage >= EGS_STAGE_RCPT && may_suppress(detail));
        assert_true(verdict.slow_down || (code != 421 && strncmp(enhanced, "4.7.", 4) != 0));
        assert_non_null(egs_class_name(verdict.class));
    }
}

static void suppresses_by_few_codes_alone(void **state)
{
    for (egs_provider provider = EGS_PROVIDER_OTHER; provider <= EGS_PROVIDER_COMCAST; provider++) {
        for (int subject = 0; subject <= 7; subject++) {
            for (int detail = 0; detail <= 60; detail++) {
                const char *text = apr_psprintf(*state, "%d.%d", subject, detail);

                check_code(provider, 421, text, *state);
                check_code(provider, 450, text, *state);
                check_code(provider, 550, text, *state);
                check_code(provider, 552, text, *state);
                check_code(provider, 554, text, *state);
            }
            apr_pool_clear(*state);
        }
    }
}

/* ---- material of others ----------------------------------------------------------- */

static const char *file_of(const char *name, apr_pool_t *pool)
{
    const char *corpora = getenv("EG_CORPORA");
    apr_file_t *file;
    apr_finfo_t info;
    char *text;

    if (!corpora) {
        print_message("# EG_CORPORA is not set: own replies only\n");
        return NULL;
    }
    assert_int_equal(apr_file_open(&file, apr_pstrcat(pool, corpora, "/", name, NULL), APR_FOPEN_READ,
                                   APR_OS_DEFAULT, pool),
                     APR_SUCCESS);
    assert_int_equal(apr_file_info_get(&info, APR_FINFO_SIZE, file), APR_SUCCESS);
    text = apr_pcalloc(pool, (apr_size_t)info.size + 1);
    assert_int_equal(apr_file_read_full(file, text, (apr_size_t)info.size, NULL), APR_SUCCESS);
    assert_int_equal(apr_file_close(file), APR_SUCCESS);
    return text;
}

/* The classes of smtp-status-classes/iana.toml, as ours. It has no reputation: a code does not tell that. */
static const struct {
    const char *name;
    int address; /* may suppress */
    unsigned allowed;
} theirs[] = {
    { "InvalidRecipient", 1, 1U << EGS_CLASS_RECIPIENT },
    { "BadDomain", 1, 1U << EGS_CLASS_RECIPIENT },
    /* 525 5.7.13 is about the user that logs in (RFC 5248) */
    { "InactiveMailbox", 1, 1U << EGS_CLASS_RECIPIENT | 1U << EGS_CLASS_POLICY },
    { "InvalidSender", 0, 1U << EGS_CLASS_POLICY },
    { "QuotaIssues", 0, 1U << EGS_CLASS_MAILBOX_FULL | 1U << EGS_CLASS_CONTENT | 1U << EGS_CLASS_TECHNICAL },
    { "NoAnswerFromHost", 0, 1U << EGS_CLASS_TECHNICAL },
    { "BadConnection", 0, 1U << EGS_CLASS_TECHNICAL },
    { "DNSFailure", 0, 1U << EGS_CLASS_TECHNICAL },
    { "RoutingErrors", 0, 1U << EGS_CLASS_TECHNICAL },
    { "TransientFailure", 0, 1U << EGS_CLASS_TECHNICAL },
    { "MessageExpired", 0, 1U << EGS_CLASS_TECHNICAL },
    { "ProtocolErrors", 0, 1U << EGS_CLASS_TECHNICAL | 1U << EGS_CLASS_CONTENT },
    { "AuthenticationFailed", 0, 1U << EGS_CLASS_AUTHENTICATION | 1U << EGS_CLASS_POLICY },
    { "PolicyRelated", 0, 1U << EGS_CLASS_POLICY },
    { "TooManyRecipients", 0, 1U << EGS_CLASS_TECHNICAL },
};

static size_t place_of(const char *name)
{
    size_t i = 0;

    while (i < sizeof theirs / sizeof *theirs && strcmp(theirs[i].name, name) != 0) {
        i++;
    }
    assert_true(i < sizeof theirs / sizeof *theirs);
    return i;
}

/* POSIX has no \d, and TOML doubles each backslash. */
static const char *as_posix(const char *pattern, apr_pool_t *pool)
{
    char *out = apr_pcalloc(pool, strlen(pattern) * 3 + 1), *to = out;

    for (; *pattern; pattern++) {
        if (pattern[0] == '\\' && pattern[1] == '\\' && pattern[2] == 'd') {
            memcpy(to, "[0-9]", 5);
            to += 5;
            pattern += 2;
        }
        else if (pattern[0] != '\\' || pattern[1] != '\\') {
            *to++ = *pattern;
        }
    }
    return out;
}

/* All replies that a pattern names: they must be of its class. @return how many */
static int compare_pattern(const char *pattern, size_t place, apr_pool_t *pool)
{
    static const int codes[] = { 421, 450, 451, 452, 525, 550, 552, 554 };
    int compared = 0;
    regex_t regex;

    assert_int_equal(regcomp(&regex, as_posix(pattern, pool), REG_EXTENDED | REG_NOSUB), 0);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (int n = 0; n < 8 * 40; n++) {
            const char *enhanced = apr_psprintf(pool, "%d.%d.%d", codes[i] / 100, n / 40, n % 40);
            egs_verdict verdict;

            if (regexec(&regex, apr_psprintf(pool, "%d %s ", codes[i], enhanced), 0, NULL, 0)) {
                continue;
            }
            verdict = egs_classify(EGS_PROVIDER_OTHER, EGS_STAGE_RCPT, codes[i], enhanced, NULL);
            if (!(theirs[place].allowed & 1U << verdict.class)) {
                print_message("# %s: %d %s is %s\n", theirs[place].name, codes[i], enhanced,
                              egs_class_name(verdict.class));
            }
            assert_true(theirs[place].allowed & 1U << verdict.class);
            assert_true(theirs[place].address || !verdict.suppress);
            compared++;
        }
    }
    regfree(&regex);
    return compared;
}

static void agrees_with_registered_codes(void **state)
{
    const char *text = file_of("smtp-status-classes/iana.toml", *state);
    char *rest = apr_pstrdup(*state, text ? text : ""), *line;
    int compared = 0;
    size_t place = 0;

    while ((line = apr_strtok(rest, "\n", &rest))) {
        char *quote = strchr(line, '"'), *end = quote ? strchr(quote + 1, '"') : NULL;

        if (strstr(line, " = [")) {
            place = place_of(apr_pstrmemdup(*state, line, strcspn(line, " ")));
        }
        if (*line != '#' && end) {
            compared += compare_pattern(apr_pstrndup(*state, quote + 1, (apr_size_t)(end - quote - 1)), place,
                                        *state);
        }
    }
    print_message("# %d replies compared\n", compared);
    assert_true(!text || compared > 100);
}

/* The reply in a bounce's Diagnostic-Code, unfolded and without its type; NULL unless there is one. */
static char *diagnostic_of(const char *mail, apr_pool_t *pool)
{
    const char *at = strstr(mail, "\nDiagnostic-Code:"), *type;
    char *line, *to;

    if (!at || strstr(at + 1, "\nDiagnostic-Code:")) {
        return NULL;
    }
    line = to = apr_pcalloc(pool, strlen(at));
    for (at += strlen("\nDiagnostic-Code:"); *at && !(at[0] == '\n' && at[1] != ' ' && at[1] != '\t'); at++) {
        *to++ = *at == '\n' ? ' ' : *at;
    }
    type = strchr(line, ';');
    line = type ? line + (type - line) + 1 : line;
    return line + strspn(line, " \t");
}

/* "550-5.1.1 text 550 5.1.1 text", as it stands in a bounce. */
static egs_verdict judge_diagnostic(const char *text, apr_pool_t *pool)
{
    int code = atoi(text);
    const char *enhanced = NULL;

    text += strspn(text, "0123456789");
    text += strspn(text, " -");
    if (*text >= '2' && *text <= '5' && text[1] == '.') {
        enhanced = apr_pstrmemdup(pool, text, strspn(text, "0123456789."));
        text += strlen(enhanced);
    }
    return egs_classify(EGS_PROVIDER_OTHER, EGS_STAGE_RCPT, code, enhanced, text);
}

/*
 * Real bounces of about 70 systems that tell of one recipient, where upstream
 * judged a reply, too, and not what else is in the mail: what it calls no hard
 * bounce suppresses nobody. Its "filtered" and "suspend" are the
 * recipient's own doing, and a mailbox that is said not to exist or to be
 * disabled is among them.
 */
static void suppresses_no_soft_bounce(void **state)
{
    const char *text = file_of("bounces-sisimai/expected.json", *state), *name;
    json_t *expected = json_loads(text ? text : "{}", 0, NULL), *rows;
    int hard = 0, missed = 0, soft = 0, wrong = 0;

    json_object_foreach(expected, name, rows)
    {
        const json_t *row = json_array_get(rows, 0);
        const char *reason = json_string_value(json_object_get(row, "reason")), *diagnostic;
        int is_hard = json_is_true(json_object_get(row, "hardbounce")), suppress;

        if (json_array_size(rows) != 1 || !*json_string_value(json_object_get(row, "replycode"))) {
            continue;
        }
        diagnostic =
            diagnostic_of(file_of(apr_pstrcat(*state, "bounces-sisimai/eml/", name, NULL), *state), *state);
        if (!diagnostic || atoi(diagnostic) < 400) {
            continue;
        }
        suppress = judge_diagnostic(diagnostic, *state).suppress;
        hard += is_hard;
        missed += is_hard && !suppress;
        soft += !is_hard;
        if (suppress && !is_hard && strcmp(reason, "filtered") != 0 && strcmp(reason, "suspend") != 0) {
            print_message("# %s (%s): %s\n", name, reason, diagnostic);
            wrong++;
        }
        if (is_hard && !suppress) {
            print_message("# not suppressed: %s (%s): %s\n", name, reason, diagnostic);
        }
    }
    json_decref(expected);
    print_message("# %d soft, %d of them suppressed; %d hard, %d of them not\n", soft, wrong, hard, missed);
    assert_int_equal(wrong, 0);
    assert_true(!text || (soft > 50 && hard > 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_providers_by_their_hosts),
        EG_TEST(never_suppresses_for_what_the_sender_did),
        EG_TEST(tells_faults_apart),
        EG_TEST(suppresses_addresses_that_nobody_has),
        EG_TEST(takes_success_for_what_it_is),
        EG_TEST(suppresses_by_few_codes_alone),
        EG_TEST(agrees_with_registered_codes),
        EG_TEST(suppresses_no_soft_bounce),
    };

    return EG_TEST_RUN(tests);
}
