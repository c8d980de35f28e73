/*
 * A DKIM key pair and the TXT record to publish for it (RFC 6376 section 3.6.1).
 */
#ifndef EG_DKIMKEY_H
#define EG_DKIMKEY_H

#include "db.h"

typedef struct {
    const char *selector; /* "eg" and the month it was made: "eg202611"; free_selector.sql may add to it */
    eg_bytes private_der; /* PKCS#8 */
    const char *record;   /* "v=DKIM1; k=rsa; p=..." in one string */
} eg_dkimkey;

/** RSA-2048, in the pool; private_der is wiped when the pool is cleared. */
apr_status_t eg_dkimkey_new(eg_dkimkey *key, apr_time_t now, apr_pool_t *pool);

#endif
