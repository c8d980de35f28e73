/*
 * What a server's reply says about a mail that it did not take. Pure.
 *
 * The same code means different faults at different providers (Gmail's 5.7.27
 * is about SPF, RFC 7505 registers it for a sender's null MX), so the provider
 * decides first, then the enhanced code (RFC 3463), then the words, then the
 * plain code (RFC 5321 section 4.2.3).
 */
#ifndef EGS_CLASSIFY_H
#define EGS_CLASSIFY_H

#include "job.h"

/** Whose server it is, as far as that changes the meaning of its replies. */
typedef enum {
    EGS_PROVIDER_OTHER,
    EGS_PROVIDER_GOOGLE,
    EGS_PROVIDER_MICROSOFT,
    EGS_PROVIDER_YAHOO, /* and AOL */
    EGS_PROVIDER_APPLE,
    EGS_PROVIDER_COMCAST
} egs_provider;

typedef enum { EGS_ACTION_RETRY, EGS_ACTION_DELIVERED, EGS_ACTION_BOUNCE } egs_action;

typedef struct {
    egs_action action;
    egs_class class; /* EGS_CLASS_NONE where it was delivered; never EGS_CLASS_EXPIRED */
    int slow_down;   /* the destination wants less, or nothing, for a while: beside any action */
    int suppress;    /* the address takes no mail, from nobody: only with a permanent code */
} egs_verdict;

/** The provider by the name of its server. @param host  any letter case, perhaps with a final dot, or NULL */
egs_provider egs_provider_of(const char *host);

/**
 * A 5yz before MAIL is about us, not about the mail: that is tried again. Only
 * clear faults of the recipient suppress: never what concerns us (policy,
 * reputation, authentication, content), the way there, or a full mailbox.
 * @param stage  what the reply answered; EGS_STAGE_NONE: it is our own finding, such as a look-up's
 * @param code  0 where there was no reply
 * @param enhanced  "5.1.1" or NULL
 * @param text  the words after the codes, UTF-8, or NULL
 */
egs_verdict egs_classify(egs_provider provider, egs_stage stage, int code, const char *enhanced,
                         const char *text);

/** A class in a word, for events and log lines: "recipient", "mailbox-full"; NULL for EGS_CLASS_NONE. */
const char *egs_class_name(egs_class class);

#endif
