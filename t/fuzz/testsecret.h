/*
 * A secret whose key is known, made without a file.
 */
#ifndef TESTSECRET_H
#define TESTSECRET_H

#include "secret.h"
#include "target.h"

/* It goes with the pool, so that no sanitizer takes it for a leak. */
static inline const eg_secret *testsecret_make(apr_pool_t *pool)
{
    const char *problem;
    eg_secret *secret;

    must(eg_secret_parse(&secret, &problem, "secret",
                         "1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
                         pool) == APR_SUCCESS);
    return secret;
}

#endif
