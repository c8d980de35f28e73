/*
 * Addresses as they are compared: letter case does not tell them apart. Pure.
 */
#ifndef EG_ADDRESSFOLD_H
#define EG_ADDRESSFOLD_H

#include <apr_pools.h>

/**
 * An address with its letters in lower case, those of other alphabets too: the same
 * as emailgw.fold_address makes of it. Letters of which lower case makes others than
 * their own stay apart: a sharp s is not two s, for they are two mailboxes.
 * @param address  UTF-8; from the first byte that is none on it stays as it is
 */
const char *eg_address_fold(const char *address, apr_pool_t *pool);

#endif
