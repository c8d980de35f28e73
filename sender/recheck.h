/*
 * The DNS records of enabled domains, looked up again and again.
 */
#ifndef EGS_RECHECK_H
#define EGS_RECHECK_H

#include "control.h"

/**
 * Until the sender is to stop: claim domains that are due, ask DNS for all their
 * records at once, record what came. To be called on a thread of its own.
 * @param dsn  for the connection of this thread; none is held while DNS is asked
 */
void egs_recheck_run(egs_control *control, const char *dsn);

#endif
