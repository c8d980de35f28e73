/*
 * Return paths that say which mail has come back: "b+<token>", the local part of
 * an envelope sender. Pure.
 *
 * The token is base32 (RFC 4648 section 6) of: key id, account, message, recipient
 * number, the first 80 bits of a MAC of all that. It survives what relays do to
 * local parts: it has at most 64 octets (RFC 5321 section 4.5.3.1.1), and its letter
 * case means nothing.
 */
#ifndef EG_RETURNPATH_H
#define EG_RETURNPATH_H

#include "secret.h"

typedef struct {
    apr_int64_t account_id;
    const char *message_id;
    int recipient_no; /* 0 to 65535 */
} eg_returnpath;

/**
 * The local part for a mail on its way out, under the secret's newest key.
 * @return NULL when message_id is no UUID or OpenSSL makes no MAC
 */
const char *eg_returnpath_make(const eg_returnpath *path, const eg_secret *secret, apr_pool_t *pool);

/**
 * Whose a local part is, if this gateway made it.
 * @return APR_EINVAL when it did not, or its key is no longer in the secret file
 */
apr_status_t eg_returnpath_parse(eg_returnpath *path, const char *local, const eg_secret *secret,
                                 apr_pool_t *pool);

/**
 * The same for an address as an envelope has it, "<...>" or bare.
 * @param host  its domain, lower case, of at most EG_DOMAIN_MAX bytes: whether it
 *              is the return host of that mail, the database knows
 * @return as eg_returnpath_parse
 */
apr_status_t eg_returnpath_parse_address(eg_returnpath *path, const char **host, const char *address,
                                         const eg_secret *secret, apr_pool_t *pool);

#endif
