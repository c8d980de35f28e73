/*
 * One line of an SMTP client -> its parts. Pure.
 */
#ifndef EG_SMTP_COMMAND_H
#define EG_SMTP_COMMAND_H

#include "smtp_submit.h"

#define EG_SMTP_PATH_MAX 254 /* octets of an address (RFC 5321 section 4.5.3.1.3 with its brackets) */

/** What stands behind "MAIL FROM:". */
typedef struct {
    const char *sender; /* "" for <> */
    apr_int64_t size;   /* SIZE= (RFC 1870); 0: not said */
    int utf8;           /* SMTPUTF8 */
} eg_smtp_mail;

/** @param fault  set when it is not taken: what is to be replied. @return 0 then */
int eg_smtp_mail_parse(eg_smtp_mail *mail, eg_smtp_reply *fault, const char *text, apr_pool_t *pool);

/**
 * What stands behind "RCPT TO:": an address that eg_mailbox_parse takes, as it was given.
 * @param utf8  SMTPUTF8 was said: it may have other letters than those of ASCII
 */
int eg_smtp_rcpt_parse(const char **address, eg_smtp_reply *fault, const char *text, int utf8,
                       apr_pool_t *pool);

/** The answer of SASL's PLAIN (RFC 4616), decoded. @return 0 when it is none, or acts for another one */
int eg_smtp_plain_parse(const char **username, const char **password, eg_bytes answer, apr_pool_t *pool);

/** A line of AUTH (RFC 4954 section 4): base64, or "=" for nothing. @return 0 when it is neither */
int eg_smtp_answer_decode(eg_bytes *answer, const char *text, apr_pool_t *pool);

#endif
