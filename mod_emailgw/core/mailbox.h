/*
 * Mailboxes: parse and check one address (RFC 5321 section 4.1.2, RFC 6531
 * section 3.3).
 */
#ifndef EG_MAILBOX_H
#define EG_MAILBOX_H

#include "eg.h"

typedef struct {
    const char *address; /* local@domain as it goes into the envelope */
    const char *local;   /* as given: a quoted local part keeps its quotes */
    const char *domain;  /* lower-case A-labels */
    int utf8_local;      /* needs SMTPUTF8 */
} eg_mailbox;

/**
 * One address, alone: no display name, comment, route or surrounding space.
 * Dot-atom or quoted local part of at most 64 octets; a domain of two labels
 * or more that eg_hostname_parse takes. Refused although RFC 5321 has them:
 * address literals and single labels, which no receiver on the Internet needs.
 * @return APR_EINVAL
 */
apr_status_t eg_mailbox_parse(eg_mailbox *box, const char *text, apr_pool_t *pool);

#endif
