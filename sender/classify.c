/*
 * What a server's reply says about a mail that it did not take.
 */
#include "classify.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <string.h>

#define WORDS_MAX 1024 /* bytes of a text that are looked at */

static const struct {
    const char *suffix; /* of the host's name, whole labels */
    egs_provider provider;
} providers[] = {
    { "google.com", EGS_PROVIDER_GOOGLE },     { "googlemail.com", EGS_PROVIDER_GOOGLE },
    { "outlook.com", EGS_PROVIDER_MICROSOFT }, /* with those of Office 365 */
    { "hotmail.com", EGS_PROVIDER_MICROSOFT }, { "mx.microsoft", EGS_PROVIDER_MICROSOFT },
    { "yahoodns.net", EGS_PROVIDER_YAHOO },    { "yahoo.com", EGS_PROVIDER_YAHOO },
    { "aol.com", EGS_PROVIDER_YAHOO },         { "icloud.com", EGS_PROVIDER_APPLE },
    { "apple.com", EGS_PROVIDER_APPLE },       { "comcast.net", EGS_PROVIDER_COMCAST },
};

/* Beside what is true of all replies (judge). */
typedef enum {
    PLAIN,
    SLOW,    /* and the destination is to get less */
    STEADY,  /* not slower, whatever the code */
    SUPPRESS /* the address takes no mail, unless the text says otherwise (vetoes) */
} effect;

typedef struct {
    egs_provider provider; /* EGS_PROVIDER_OTHER: whoever */
    int code;              /* 550, or 4 and 5 for all that begin so; 0: any */
    const char *
        detail; /* the enhanced code without its class: "7.26", x for any digit, "7." for all of 7; NULL: any or none */
    const char *words; /* one of these in the text, each from the beginning of a word; NULL: any or none */
    egs_class class;
    effect effect;
} rule;

#define ANYONE EGS_PROVIDER_OTHER
#define GOOGLE EGS_PROVIDER_GOOGLE
#define MICROSOFT EGS_PROVIDER_MICROSOFT
#define YAHOO EGS_PROVIDER_YAHOO
#define APPLE EGS_PROVIDER_APPLE
#define COMCAST EGS_PROVIDER_COMCAST

#define RECIPIENT EGS_CLASS_RECIPIENT
#define FULL EGS_CLASS_MAILBOX_FULL
#define POLICY EGS_CLASS_POLICY
#define REPUTATION EGS_CLASS_REPUTATION
#define AUTHENTICATION EGS_CLASS_AUTHENTICATION
#define CONTENT EGS_CLASS_CONTENT
#define TECHNICAL EGS_CLASS_TECHNICAL

#define UNKNOWN_USER                                                                                         \
    "user unknown|unknown user|no such user|no such recipient|no such mailbox|no mailbox here|"              \
    "user not found|user does not exist|user doesn't exist|user not exist|user is unknown|"                  \
    "this user doesn't have|unknown recipient|recipient unknown|recipient not found|"                        \
    "recipient does not exist|invalid recipient|invalid mailbox|mailbox not found|mailbox does not exist|"   \
    "mailbox doesn't exist|account does not exist|account that you tried to reach does not exist|"           \
    "address does not exist|unknown local part|not a valid mailbox|not a known user|not our user|not our "   \
    "customer|no such person"
#define DISABLED_USER                                                                                        \
    "mailbox is disabled|mailbox disabled|mailbox unavailable or disabled|account is disabled|"              \
    "account disabled|account that you tried to reach is disabled|account is inactive|mailbox is inactive|"  \
    "inactive user|user is inactive|account has been disabled|account has been deactivated|"                 \
    "account has been closed|account is closed"
#define FULL_MAILBOX                                                                                         \
    "mailbox full|mailbox is full|mailbox quota|mailbox exceed|mailbox size limit|inbox is full|"            \
    "over quota|overquota|out of storage|quota exceeded|exceeded storage|storage exceeded|"                  \
    "exceeds its quota|exceeded its quota|disk quota|quota full|mail quota|insufficient quota"

/* The first that fits decides. */
static const rule rules[] = {
    /* Gmail: its sender rules have codes of their own. */
    { GOOGLE, 0, "7.23", NULL, AUTHENTICATION, PLAIN }, /* no PTR, or one that does not match */
    { GOOGLE, 0, "7.24", NULL, AUTHENTICATION, PLAIN }, /* SPF entries */
    { GOOGLE, 0, "7.25", NULL, AUTHENTICATION, PLAIN }, /* PTR */
    { GOOGLE, 0, "7.26", NULL, AUTHENTICATION, PLAIN }, /* neither SPF nor DKIM; DMARC */
    { GOOGLE, 0, "7.27", NULL, AUTHENTICATION, PLAIN }, /* SPF */
    { GOOGLE, 0, "7.28", NULL, REPUTATION, SLOW },      /* unusual rate */
    { GOOGLE, 0, "7.29", NULL, POLICY, PLAIN },         /* no TLS */
    { GOOGLE, 0, "7.30", NULL, AUTHENTICATION, PLAIN }, /* DKIM */
    { GOOGLE, 0, "7.31", NULL, AUTHENTICATION, PLAIN }, /* no DMARC record */
    { GOOGLE, 0, "7.32", NULL, AUTHENTICATION, PLAIN }, /* From not aligned */
    { GOOGLE, 0, "7.40", NULL, AUTHENTICATION, PLAIN }, /* no DMARC record */
    { GOOGLE, 0, "7.", "content presents|virus|malware", CONTENT, PLAIN },
    { GOOGLE, 0, "7.", "unsolicited|suspicious|reputation|unusual rate|spam", REPUTATION, SLOW },
    { GOOGLE, 0, "2.1", "receiving mail|receiving email|at a rate|too quickly", POLICY, PLAIN },
    { GOOGLE, 0, "4.5", "quota|limit", POLICY, SLOW },

    /* Microsoft: Outlook.com and Office 365. */
    { MICROSOFT, 0, "7.23", NULL, AUTHENTICATION, PLAIN },
    { MICROSOFT, 0, "7.25", NULL, AUTHENTICATION, PLAIN },
    { MICROSOFT, 0, "7.26", NULL, AUTHENTICATION, PLAIN },
    { MICROSOFT, 0, "7.509", NULL, AUTHENTICATION, PLAIN }, /* DMARC */
    { MICROSOFT, 0, "7.515", NULL, AUTHENTICATION, PLAIN }, /* the rule for bulk senders */
    { MICROSOFT, 0, "7.321", NULL, POLICY, PLAIN },         /* no STARTTLS */
    { MICROSOFT, 0, "7.322", NULL, POLICY, PLAIN },         /* certificates, DANE */
    { MICROSOFT, 0, "7.323", NULL, POLICY, PLAIN },
    { MICROSOFT, 0, "7.324", NULL, POLICY, PLAIN },
    { MICROSOFT, 0, "7.325", NULL, POLICY, PLAIN },
    { MICROSOFT, 0, "7.5xx", NULL, REPUTATION,
      SLOW }, /* addresses and domains that it refuses or slows down */
    { MICROSOFT, 0, "7.6xx", NULL, REPUTATION, SLOW },
    { MICROSOFT, 0, "7.7xx", NULL, REPUTATION, SLOW },
    { MICROSOFT, 0, "7.", "block list|blocklist|blocked|banned|part of their network", REPUTATION, SLOW },
    { MICROSOFT, 0, "2.121", NULL, POLICY, PLAIN }, /* the recipient's limit of mails an hour */
    { MICROSOFT, 0, "2.122", NULL, POLICY, PLAIN },
    { MICROSOFT, 0, "4.1", "recipient address rejected", RECIPIENT,
      PLAIN }, /* also for what its filters refuse */
    { MICROSOFT, 550, "5.0", "requested action not taken mailbox unavailable", RECIPIENT, SUPPRESS },

    /* Yahoo and AOL: few enhanced codes, marks in the text. */
    { YAHOO, 0, NULL, "tss|temporarily deferred due to", REPUTATION, SLOW },
    { YAHOO, 0, NULL, "bl2|unexpected volume|user complaints", REPUTATION, SLOW },
    { YAHOO, 5, "7.9", NULL, POLICY, PLAIN }, /* registered for AUTH */
    { YAHOO, 5, NULL, "delivery error dd this user doesn't have|mailbox not found|mailbox is disabled",
      RECIPIENT, SUPPRESS },

    /* Apple. */
    { APPLE, 0, NULL, "cs01", CONTENT, PLAIN },
    { APPLE, 0, NULL, "hm0|hm1", REPUTATION, SLOW },

    /* Comcast. */
    { COMCAST, 0, NULL, "rl0", REPUTATION, SLOW },
    { COMCAST, 0, NULL, "bl0", REPUTATION, SLOW },

    /* Greylisting is over in minutes. */
    { ANYONE, 4, NULL, "greylist|graylist|grey list|gray list", POLICY, STEADY },

    /* Enhanced codes, RFC 3463 and the registry that RFC 5248 made. x.y.0 says nothing: the words do. */
    { ANYONE, 0, "1.", FULL_MAILBOX, FULL, PLAIN },
    { ANYONE, 5, "1.1", NULL, RECIPIENT, SUPPRESS },
    { ANYONE, 5, "1.2", NULL, RECIPIENT, SUPPRESS },
    { ANYONE, 5, "1.3", NULL, RECIPIENT, SUPPRESS },
    { ANYONE, 5, "1.6", NULL, RECIPIENT, SUPPRESS },
    { ANYONE, 5, "1.10", NULL, RECIPIENT, SUPPRESS }, /* RFC 7505 */
    { ANYONE, 0, "1.7", NULL, POLICY, PLAIN },        /* the sender's address */
    { ANYONE, 0, "1.8", NULL, POLICY, PLAIN },
    { ANYONE, 5, "1.", UNKNOWN_USER, RECIPIENT, SUPPRESS },
    { ANYONE, 0, "1.", NULL, RECIPIENT, PLAIN },
    { ANYONE, 5, "2.1", DISABLED_USER "|" UNKNOWN_USER, RECIPIENT, SUPPRESS },
    { ANYONE, 0, "2.2", NULL, FULL, PLAIN },
    { ANYONE, 0, "2.3", NULL, CONTENT, PLAIN }, /* too long for this mailbox */
    { ANYONE, 0, "2.1", NULL, RECIPIENT, PLAIN },
    { ANYONE, 0, "2.4", NULL, RECIPIENT, PLAIN }, /* a list that cannot be expanded */
    { ANYONE, 0, "3.4", NULL, CONTENT, PLAIN },   /* too long for this system */
    { ANYONE, 0, "3.", FULL_MAILBOX, FULL, PLAIN },
    { ANYONE, 0, "3.", NULL, TECHNICAL, PLAIN },
    { ANYONE, 0, "4.", NULL, TECHNICAL, PLAIN },
    { ANYONE, 0, "6.", NULL, CONTENT, PLAIN },
    { ANYONE, 0, "7.17", NULL, RECIPIENT, PLAIN }, /* RFC 7293: another owner since */
    { ANYONE, 0, "7.18", NULL, RECIPIENT, PLAIN },
    { ANYONE, 0, "7.20", NULL, AUTHENTICATION, PLAIN }, /* DKIM, RFC 7372 */
    { ANYONE, 0, "7.21", NULL, AUTHENTICATION, PLAIN },
    { ANYONE, 0, "7.22", NULL, AUTHENTICATION, PLAIN },
    { ANYONE, 0, "7.23", NULL, AUTHENTICATION, PLAIN }, /* SPF */
    { ANYONE, 0, "7.24", NULL, AUTHENTICATION, PLAIN },
    { ANYONE, 0, "7.25", NULL, AUTHENTICATION, PLAIN }, /* PTR */
    { ANYONE, 0, "7.26", NULL, AUTHENTICATION, PLAIN }, /* more than one of them */
    { ANYONE, 0, "7.27", NULL, POLICY, PLAIN },         /* the sender's domain takes no mail, RFC 7505 */
    { ANYONE, 0, "7.29", NULL, AUTHENTICATION, PLAIN }, /* ARC */
    { ANYONE, 0, "7.30", NULL, POLICY, PLAIN },         /* REQUIRETLS, RFC 8689 */

    /* Words, where the code does not decide: x.7.0 and 1, x.0.0, x.5.0, or none. */
    { ANYONE, 0, NULL, "spf |dkim|dmarc|ptr |reverse dns|rdns|sender id |unauthenticated|not authenticated",
      AUTHENTICATION, PLAIN },
    { ANYONE, 0, NULL,
      "blacklist|black list|blocklist|block list|blocked using|dnsbl|rbl |spamhaus|spamcop|barracuda|sorbs|"
      "reputation|banned|poor rep|access denied from|ip address is blocked|"
      "too many connections|too much mail|too many messages|too many recipients this|rate limit|throttl",
      REPUTATION, SLOW },
    { ANYONE, 0, NULL,
      "spam|virus|malware|phish|attachment|content |message too large|message size|message too big|"
      "exceeds maximum message size|exceeds size limit|size limit exceeded|bare lf",
      CONTENT, PLAIN },
    { ANYONE, 0, "7.", NULL, POLICY, PLAIN },
    { ANYONE, 0, NULL, FULL_MAILBOX, FULL, PLAIN },
    { ANYONE, 0, NULL, "relay|sender |policy|policies|not allowed|not permitted|unacceptable", POLICY,
      PLAIN },
    { ANYONE, 5, NULL, UNKNOWN_USER "|" DISABLED_USER, RECIPIENT, SUPPRESS },
    { ANYONE, 0, NULL, UNKNOWN_USER "|" DISABLED_USER, RECIPIENT, PLAIN },
    { ANYONE, 0, "2.", NULL, RECIPIENT, PLAIN },
    { ANYONE, 0, "5.", NULL, TECHNICAL, PLAIN },

    /* Plain codes: no more than a guess. */
    { ANYONE, 521, NULL, NULL, RECIPIENT, PLAIN }, /* RFC 7504 */
    { ANYONE, 550, NULL, NULL, RECIPIENT, PLAIN },
    { ANYONE, 551, NULL, NULL, RECIPIENT, PLAIN },
    { ANYONE, 552, NULL, NULL, FULL, PLAIN },
    { ANYONE, 553, NULL, NULL, RECIPIENT, PLAIN },
    { ANYONE, 554, NULL, NULL, POLICY, PLAIN },
    { ANYONE, 556, NULL, NULL, RECIPIENT, PLAIN },
    { ANYONE, 0, NULL, NULL, TECHNICAL, PLAIN },
};

/* A server that says one of these is not, or not only, talking of an address that nobody has. */
static const char vetoes[] = "sender|spam|spf |dkim|dmarc|block|black|banned|reputation|policy|policies|"
                             "preference|unsolicited|rate |too many|too much|limit|temporar|try again|later |"
                             "relaying|relay access|greylist|client host|full |quota|overquota|verif|virus|"
                             "unauthenticated|not authorized";

static const char *const class_names[] = {
    [EGS_CLASS_NONE] = NULL,
    [EGS_CLASS_RECIPIENT] = "recipient",
    [EGS_CLASS_MAILBOX_FULL] = "mailbox-full",
    [EGS_CLASS_POLICY] = "policy",
    [EGS_CLASS_REPUTATION] = "reputation",
    [EGS_CLASS_AUTHENTICATION] = "authentication",
    [EGS_CLASS_CONTENT] = "content",
    [EGS_CLASS_TECHNICAL] = "technical",
    [EGS_CLASS_EXPIRED] = "expired",
};

const char *egs_class_name(egs_class class)
{
    return class_names[class];
}

egs_provider egs_provider_of(const char *host)
{
    apr_size_t length = host ? strlen(host) : 0;

    if (length && host[length - 1] == '.') {
        length--;
    }
    for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
        apr_size_t size = strlen(providers[i].suffix);

        if (length >= size && !apr_cstr_casecmpn(host + length - size, providers[i].suffix, size) &&
            (length == size || host[length - size - 1] == '.')) {
            return providers[i].provider;
        }
    }
    return EGS_PROVIDER_OTHER;
}

/* ---- words ------------------------------------------------------------------- */

static int is_of_word(char c)
{
    return apr_isalnum(c) || c == '\'' || (unsigned char)c >= 0x80;
}

/* Where the next blank or bracket is: what an address or a URL does not go beyond. */
static apr_size_t token_length(const char *text)
{
    return strcspn(text, " \t\r\n<>()[]\",;");
}

/* One blank before each word and after the last, all in lower case, without what has an @ in it. */
static void read_words(char words[WORDS_MAX], const char *text)
{
    apr_size_t used = 0, length;

    words[used++] = ' ';
    for (; text && *text; text += length ? length : 1) {
        length = token_length(text);
        if (memchr(text, '@', length)) {
            continue;
        }
        for (apr_size_t i = 0; i <= length && used < WORDS_MAX - 2; i++) {
            if (i < length && is_of_word(text[i])) {
                words[used++] = (char)apr_tolower(text[i]);
            }
            else if (words[used - 1] != ' ') {
                words[used++] = ' ';
            }
        }
    }
    if (words[used - 1] != ' ') {
        words[used++] = ' ';
    }
    words[used] = '\0';
}

/* One of the alternatives, at the beginning of a word. */
static int say(const char *words, const char *alternatives)
{
    while (*alternatives) {
        apr_size_t length = strcspn(alternatives, "|");

        for (const char *at = words; (at = strchr(at, ' ')); at++) {
            if (!strncmp(at + 1, alternatives, length)) {
                return 1;
            }
        }
        alternatives += length + (alternatives[length] == '|');
    }
    return 0;
}

/* ---- rules ------------------------------------------------------------------- */

static int fits_code(int wanted, int code)
{
    return !wanted || wanted == code || wanted == code / 100;
}

static int fits_detail(const char *wanted, const char *detail)
{
    if (!wanted) {
        return 1;
    }
    if (!detail) {
        return 0;
    }
    for (; *wanted; wanted++, detail++) {
        if (*wanted == 'x' ? !apr_isdigit(*detail) : *wanted != *detail) {
            return 0;
        }
    }
    return wanted[-1] == '.' || !*detail;
}

static const rule *find_rule(egs_provider provider, int code, const char *detail, const char *words)
{
    const rule *one = rules;

    while (!((one->provider == ANYONE || one->provider == provider) && fits_code(one->code, code) &&
             fits_detail(one->detail, detail) && (!one->words || say(words, one->words)))) {
        one++; /* the last one fits always */
    }
    return one;
}

static int is_permanent(egs_stage stage, int code)
{
    return code >= 500 && code < 600 && stage >= EGS_STAGE_MAIL;
}

static int is_before_recipient(egs_stage stage)
{
    return stage != EGS_STAGE_NONE && stage < EGS_STAGE_RCPT;
}

/* What is asked of us before a mail is begun, or by 421 and 4.7.x, is to come back with less. */
static int is_slowed(const rule *found, egs_stage stage, int code, const char *detail)
{
    if (found->effect == STEADY) {
        return 0;
    }
    return found->effect == SLOW || code == 421 || (code / 100 == 4 && detail && !strncmp(detail, "7.", 2)) ||
           (code / 100 == 5 && stage == EGS_STAGE_GREETING);
}

/* x.3, x.4 and x.7 are about a system, the way there, and us: whatever the words. */
static int is_of_address(const char *enhanced)
{
    return !enhanced ||
           (enhanced[0] == '5' && enhanced[2] != '3' && enhanced[2] != '4' && enhanced[2] != '7');
}

egs_verdict egs_classify(egs_provider provider, egs_stage stage, int code, const char *enhanced,
                         const char *text)
{
    const char *detail = enhanced && enhanced[0] && enhanced[1] == '.' ? enhanced + 2 : NULL;
    egs_verdict verdict = { EGS_ACTION_RETRY, EGS_CLASS_NONE, 0, 0 };
    char words[WORDS_MAX];
    const rule *found;

    if (code / 100 == 2 && stage == EGS_STAGE_DOT) {
        verdict.action = EGS_ACTION_DELIVERED;
        return verdict;
    }
    read_words(words, code ? text : NULL); /* without a reply they are our own */
    if (!code && stage == EGS_STAGE_NONE && detail) {
        code = (enhanced[0] - '0') * 100;
    }
    found = find_rule(provider, code, detail, words);
    verdict.class = found->class;
    if (is_before_recipient(stage) && (found->class == RECIPIENT || found->class == FULL)) {
        verdict.class = POLICY; /* it knows of no recipient yet */
    }
    if (is_permanent(stage, code)) {
        verdict.action = EGS_ACTION_BOUNCE;
    }
    verdict.slow_down = is_slowed(found, stage, code, detail);
    verdict.suppress = found->effect == SUPPRESS && code / 100 == 5 && !is_before_recipient(stage) &&
                       is_of_address(detail ? enhanced : NULL) && !say(words, vetoes);
    return verdict;
}
