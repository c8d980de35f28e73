/*
 * What an SMTP session hands over: a login, and a whole message with its envelope,
 * by the same rules as the API's.
 */
#ifndef EG_SMTP_SUBMIT_H
#define EG_SMTP_SUBMIT_H

#include "command.h"

/** A credential that has logged in. */
typedef struct {
    apr_int64_t account_id, smtp_id;
    unsigned char password_hash[EG_HASH_SIZE];
} eg_smtp_login;

#define EG_SMTP_TEXT_MAX 400 /* octets of a reply's text: its line has 512 (RFC 5321 section 4.5.3.1.5) */

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
    int secure;                     /* it comes under TLS */
} eg_smtp_envelope;

/**
 * Login name egm_<account>_<id> and password -> login, by one call of the database.
 * A name that nobody has and a wrong password are one, also in the time that they take.
 * Failures are not counted here (ratelimit.h).
 * @param status  0: it is good; 13: it is not; else as sql sender_state has it: 2, 12, 32, 34
 */
apr_status_t eg_smtp_authenticate(eg_smtp_login *login, int *status, eg_call *call, const char *username,
                                  const char *password);

/**
 * A message -> the queue, and the reply: 250 once it is on disk, else the API's reason in words.
 * @param call     pool, log, db, limits, rates, now and client are read
 * @param message  lines that end with CRLF, dots unstuffed, no bare CR or LF; kept until it returns
 * @param reply    its text may have any characters: the session shows them as one line of ASCII
 * @return other than APR_SUCCESS when the database could not say, already logged; the reply is a 451 then
 */
apr_status_t eg_smtp_submit(eg_smtp_reply *reply, eg_call *call, const eg_smtp_login *login,
                            const eg_smtp_envelope *envelope, eg_bytes message);

#endif
