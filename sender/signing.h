/*
 * Rendering and signing, on threads of their own for all workers: a signature takes a
 * quarter of a millisecond, and a worker's transfers must not wait for it.
 *
 * A worker has a desk. What it has loaded it hands over there, and takes back when it
 * is signed: a message with all its jobs at a time, in any order.
 */
#ifndef EGS_SIGNING_H
#define EGS_SIGNING_H

#include "control.h"
#include "keyring.h"

/** The threads, and the keys that they sign with. */
typedef struct egs_signers egs_signers;

/** One worker's side. All but egs_desk_fd's file is for that worker alone. */
typedef struct egs_desk egs_desk;

/** @param threads  1 or more */
apr_status_t egs_signers_start(egs_signers **signers, egs_control *control, int threads, apr_pool_t *pool);

/** When no desk is left: the threads end. */
void egs_signers_stop(egs_signers *signers);

egs_keyring *egs_signers_keyring(egs_signers *signers);

/** Closed with the pool; nothing may be handed over then. @param pool  the worker's */
apr_status_t egs_desk_open(egs_desk **desk, egs_signers *signers, apr_pool_t *pool);

/** Readable while there is something to take back. */
int egs_desk_fd(const egs_desk *desk);

/** To be rendered and signed. What there is no memory for stays in the list. lease_end may go on being set. */
void egs_desk_hand_over(egs_desk *desk, egs_jobs *loaded);

/** What is done, to the end of the list. @return how many jobs */
int egs_desk_collect(egs_desk *desk, egs_jobs *ready);

/** Jobs handed over and not taken back. */
int egs_desk_count(const egs_desk *desk);

/** Sleep until there is something to take back, no longer than wait. */
void egs_desk_wait(const egs_desk *desk, apr_interval_time_t wait);

/** Everything back, signed or not, to the end of the list. Waits for what is being signed just now. */
void egs_desk_recall(egs_desk *desk, egs_jobs *released);

#endif
