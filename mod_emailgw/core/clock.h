/*
 * Time that only passes.
 */
#ifndef EG_CLOCK_H
#define EG_CLOCK_H

#include "eg.h"

/** Microseconds that no change of the host's time moves; the same for all processes. Their beginning means nothing. */
apr_time_t eg_clock(void);

#endif
