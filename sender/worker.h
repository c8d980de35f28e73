/*
 * A thread that takes jobs through the stages.
 */
#ifndef EGS_WORKER_H
#define EGS_WORKER_H

#include "signing.h"

/**
 * Until the sender is to stop: claim a batch; slice by slice load the contents,
 * have them signed, deliver and record; sleep when nothing is due or the database is
 * away. To be called on a thread of its own.
 * @param dsn  for the connection of this worker
 */
void egs_worker_run(egs_control *control, egs_signers *signers, const char *dsn);

#endif
