/*
 * What secret.c and senderkey.c seal with: HKDF-SHA256 (RFC 5869) and AES-256-GCM.
 */
#ifndef EG_SEALING_H
#define EG_SEALING_H

#include "db.h"

#define EG_SEALING_KEY 32   /* bytes */
#define EG_SEALING_NONCE 12 /* bytes */
#define EG_SEALING_TAG 16   /* bytes */

/**
 * HKDF-SHA256.
 * @param salt  NULL data for none
 * @param info  what the derived key is for
 */
apr_status_t eg_sealing_derive(unsigned char *derived, apr_size_t size, eg_bytes from, eg_bytes salt,
                               const char *info, apr_pool_t *pool);

/**
 * Encrypt. Nothing else may ever be encrypted with this key and nonce.
 * @param sealed  plain.size + EG_SEALING_TAG bytes: ciphertext, tag
 * @param bound   associated data: must be the same to open
 */
apr_status_t eg_sealing_seal(unsigned char *sealed, const unsigned char *key, const unsigned char *nonce,
                             eg_bytes bound, eg_bytes plain, apr_pool_t *pool);

/**
 * Decrypt and check, into memory that is wiped when the pool is cleared.
 * @param plain  ended by a NUL that does not count
 * @return APR_EINVAL when key, nonce, bound or sealed are not those of eg_sealing_seal
 */
apr_status_t eg_sealing_open(eg_bytes *plain, const unsigned char *key, const unsigned char *nonce,
                             eg_bytes bound, eg_bytes sealed, apr_pool_t *pool);

#endif
