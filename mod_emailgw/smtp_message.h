/*
 * A message handed in by SMTP -> what accept() takes. Knows neither httpd nor the
 * database.
 */
#ifndef EG_SMTP_MESSAGE_H
#define EG_SMTP_MESSAGE_H

#include "edits.h"
#include "mail.h"
#include "rawmail.h"
#include "smtp_submit.h"

#define EG_RECEIVED_MAX 50 /* fields: what has more goes round in circles (RFC 5321 section 6.3) */

/** One message on its way in. */
typedef struct {
    eg_call *call;
    const eg_smtp_envelope *envelope;
    const eg_smtp_login *login;
    const char *message_id; /* ours */
    eg_rawmail raw;
    eg_edits edits; /* of raw: what is stored */
    const eg_rawpart *header;
    eg_mail mail;
    int has_sender;              /* one that may stay */
    const char *idempotency_key; /* of its field, or NULL */
    eg_smtp_reply reply;         /* set by what refuses it */
} eg_smtp_message;

/**
 * Refuse it. The text is cleaned and cut to what a reply may have.
 * @return 0
 */
int eg_smtp_refuse(eg_smtp_message *m, int code, const char *enhanced, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** @name In this order; each returns 0 when the message is refused */
/** @{ */
int eg_smtp_message_read(eg_smtp_message *m,
                         eg_bytes message);        /* its structure; what is in the header once */
int eg_smtp_message_addresses(eg_smtp_message *m); /* From, Reply-To, the envelope */
int eg_smtp_message_options(eg_smtp_message *m);   /* Subject, X-EG-*, Idempotency-Key */
int eg_smtp_message_make(eg_smtp_message *m);      /* mail.raw: 7-bit bodies, our Received */
/** @} */

#endif
