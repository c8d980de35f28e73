/*
 * What the commands on SMTP credentials share. Who hands in mail with one is a
 * program or a device, so its password is made here and never chosen.
 */
#ifndef EG_SUBMISSION_H
#define EG_SUBMISSION_H

#include "command.h"

typedef struct {
    const char *text;                 /* shown once, stored nowhere */
    unsigned char hash[EG_HASH_SIZE]; /* what is stored */
} eg_submission_password;

/** A new one. @return other than APR_SUCCESS: logged */
apr_status_t eg_submission_password_new(eg_submission_password *password, const eg_call *call);

/** The configured ports as a JSON array of text; the caller owns it. */
json_t *eg_submission_ports(const eg_call *call);

#endif
