/*
 * Partitions made in time, old ones dropped: now and then, by one sender. What
 * was cut off of a queue ends as cancelled: soon, by any.
 */
#ifndef EGS_HOUSEKEEPING_H
#define EGS_HOUSEKEEPING_H

#include "control.h"

/**
 * Until the sender is to stop: offer the database a round of housekeeping once
 * a minute; it sees to it that one sender at a time does it. The sender is
 * ready when the first is over, for then there are partitions to accept into.
 * Between rounds, from a second after a cut-off on, cancel what was cut off.
 * To be called on a thread of its own.
 */
void egs_housekeeping_run(egs_control *control, const char *dsn);

#endif
