/*
 * A mail that has come back: what it says about the one that was sent. Pure.
 *
 * Delivery status notifications (RFC 3464), feedback reports (RFC 5965), and
 * bounces that are written for people alone. Nothing in it tells whose mail it
 * is about: the return path that it came to does (returnpath.h).
 */
#ifndef EGS_INBOUND_H
#define EGS_INBOUND_H

#include "job.h"

#define EGS_INBOUND_REPORTS_MAX 32 /* of one mail */

typedef enum {
    EGS_INBOUND_OTHER,   /* none of these */
    EGS_INBOUND_BOUNCE,  /* not delivered, and no longer tried */
    EGS_INBOUND_DELAY,   /* not yet delivered */
    EGS_INBOUND_SUCCESS, /* delivered, relayed or expanded */
    EGS_INBOUND_COMPLAINT,
    EGS_INBOUND_ANSWER /* written by a machine in somebody's absence */
} egs_inbound_kind;

/** What is said of one recipient. All texts are one line of UTF-8, or NULL. */
typedef struct {
    egs_inbound_kind kind;
    const char *recipient; /* as it is named: of whom it bounced in the end */
    const char *original;  /* whom it was sent to at first, where that is said */
    const char *host;      /* that refused it, or that reports it */
    int code;              /* of the server's reply; 0: none is told */
    const char *enhanced;
    const char *text;
    egs_class class;
    int sure;     /* a code of RFC 3463 says that it is about the address */
    int suppress; /* the address takes no mail, from nobody; only where it bounced */
} egs_inbound_report;

typedef struct {
    egs_inbound_kind kind;
    egs_inbound_report reports[EGS_INBOUND_REPORTS_MAX];
    int count;            /* of reports: those of that kind; 1 or more for a bounce */
    int mixed;            /* there were others: got the mail, or may yet */
    const char *feedback; /* type of a feedback report, lower case, or NULL */
    const char *sender;   /* envelope sender that a feedback report names, or NULL */
} egs_inbound;

/** Once in a process, before egs_inbound_read; a process that has called g_mime_init needs it not. */
void egs_inbound_start(void);

/** Read a mail, of which at most EG_RETURNED_SIZE bytes are looked at. */
void egs_inbound_read(egs_inbound *inbound, eg_bytes mail, apr_pool_t *pool);

/** The kind in a word: "bounce", "delay", "success", "complaint", "answer", "other". */
const char *egs_inbound_kind_name(egs_inbound_kind kind);

/**
 * The addresses that a mail's header says it was delivered to, by Delivered-To,
 * X-Original-To, Envelope-To or else To: for an MTA that does not tell.
 * @return of const char *
 */
apr_array_header_t *egs_inbound_recipients(eg_bytes mail, apr_pool_t *pool);

#endif
