/*
 * Addresses that behave as told, for trying a client out: with the transport
 * outbox only, so that none of it can happen to real mail. Pure.
 *
 * bounce@simulator.invalid, defer@, complaint@ and slow@, also with a tag
 * (bounce+7@); all others there are delivered. They are judged, recorded and
 * told as real ones, but never put on the suppression list by it
 * (add_suppressions.sql): the same test has the same end every time.
 */
#ifndef EGS_SIMULATOR_H
#define EGS_SIMULATOR_H

#include "job.h"

#define EGS_SIMULATOR_SLOW apr_time_from_sec(5) /* that slow@ takes */

typedef enum {
    EGS_SIMULATED_NOTHING, /* an address like any other */
    EGS_SIMULATED_BOUNCE,
    EGS_SIMULATED_DEFER,
    EGS_SIMULATED_COMPLAINT, /* delivered, and then complained of */
    EGS_SIMULATED_SLOW       /* delivered, in EGS_SIMULATOR_SLOW */
} egs_simulated;

/** How the address behaves. */
egs_simulated egs_simulator_way(const char *recipient);

/** The answer of a server that does so, for EGS_SIMULATED_BOUNCE and _DEFER: what policy is to judge. */
egs_outcome egs_simulator_answer(egs_simulated way);

#endif
