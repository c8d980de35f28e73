/*
 * What an address that was erased is known by: a MAC under the instance's secret, so
 * that the database alone tells nobody whose it is.
 */
#ifndef EG_ADDRESSHASH_H
#define EG_ADDRESSHASH_H

#include "secret.h"

/**
 * By the key that new ones are made with: "hash:<key id>:<22 characters>". Letter
 * case of the address does not matter (core/addressfold.h).
 * @return NULL when OpenSSL makes none
 */
const char *eg_addresshash_new(const eg_secret *secret, const char *address, apr_pool_t *pool);

/** By each key of the secret file, with blanks between them: one of them is what it may be known by. NULL as above. */
const char *eg_addresshash_all(const eg_secret *secret, const char *address, apr_pool_t *pool);

#endif
