/*
 * What an SMTP session hands over: a whole message with its envelope.
 */
#ifndef EG_SMTP_SUBMIT_H
#define EG_SMTP_SUBMIT_H

#include "command.h"

/** What a transaction ended with: an SMTP reply. */
typedef struct {
    int code;
    const char *enhanced, *text; /* "2.0.0" (RFC 3463), "Ok: queued as <id>" */
} eg_smtp_reply;

/** From MAIL and RCPT to DATA. */
typedef struct {
    const char *sender;             /* of MAIL; "" for <> */
    apr_array_header_t *recipients; /* of const char *, as given at RCPT, their syntax checked */
    int utf8;                       /* SMTPUTF8 was said (RFC 6531) */
    int body_8bit;                  /* BODY=8BITMIME was said (RFC 6152), or the message has such octets */
} eg_smtp_envelope;

#endif
