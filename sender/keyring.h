/*
 * The DKIM keys of the process, opened and parsed: those used last, for all its
 * threads. What is not there comes from the database, with one call for all that
 * a slice of messages lacks.
 */
#ifndef EGS_KEYRING_H
#define EGS_KEYRING_H

#include "job.h"
#include "secret.h"

typedef struct egs_keyring egs_keyring;

/** Keys are freed with the pool. */
apr_status_t egs_keyring_new(egs_keyring **keyring, apr_pool_t *pool);

/**
 * Set the signer of each content of these jobs, which keeps its key until db's pool
 * is cleared. It has no pair where the domain's key cannot be opened, which is logged
 * once a minute.
 * @param opener  the sender's key
 */
apr_status_t egs_keyring_serve(egs_keyring *keyring, egs_job *jobs, int count, const eg_senderkey *opener,
                               eg_db *db, const eg_log *log);

#endif
