/*
 * How the parts of a mail that has come back become what inbound.h tells: for
 * its own files alone.
 */
#ifndef EGS_INBOUND_REPORT_H
#define EGS_INBOUND_REPORT_H

#include "inbound.h"
#include "inbound_parts.h"
#include "inbound_words.h"
#include "text.h"

/** A mail, read by all who judge it. */
typedef struct {
    egs_parts parts;
    const char *notice;                  /* what is said to people, without the mail that it is about */
    const char *folded;                  /* the same for egs_words_say, behind the subject */
    egs_words_reply reply;               /* the surest in the notice, whomever it is of */
    const char *original;                /* the mail that it is about, or its header; "" */
    const apr_array_header_t *addresses; /* of egs_words_address: those of the notice */
    apr_array_header_t *own;             /* of const char *: addresses that the notice was sent to */
} egs_inbound_mail;

/**
 * The groups of a delivery status (RFC 3464 section 2.3).
 * @return the kind that they come to; EGS_INBOUND_OTHER where they do not say
 */
egs_inbound_kind egs_inbound_status(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool);

/** A notice for people. @return EGS_INBOUND_OTHER where it is none, or says nothing of a delivery */
egs_inbound_kind egs_inbound_notice(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool);

/** The surest reply in a notice, with the text of its paragraph: once for a mail, whose size it takes. */
egs_words_reply egs_inbound_notice_any_reply(const char *notice, apr_pool_t *pool);

/** What the notice says of an address, which may be NULL: the reply, else the words at it. */
egs_words_reply egs_inbound_notice_reply(const egs_inbound_mail *mail, const char *address, apr_pool_t *pool);

/** The recipient by the notice, else by the mail that it is about; NULL when neither tells. */
const char *egs_inbound_notice_recipient(const egs_inbound_mail *mail, apr_pool_t *pool);

/** Only what is sure goes on suppressing: see inbound_judge.c. Once all reports are there. */
void egs_inbound_confirm(egs_inbound *inbound, const egs_inbound_mail *mail, apr_pool_t *pool);

/**
 * Fill in a report's reply, class and suppression.
 * @param status  the enhanced code that stands beside the reply, or NULL
 */
void egs_inbound_judge(egs_inbound_report *report, const egs_words_reply *reply, const char *status,
                       apr_pool_t *pool);

#endif
