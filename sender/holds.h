/*
 * Lanes whose mails no thread of this process claims for some time: their
 * destinations could not take them.
 */
#ifndef EGS_HOLDS_H
#define EGS_HOLDS_H

#include <apr_tables.h>

/** A lane that is held. */
typedef struct {
    int lane;
    apr_time_t until; /* by egs_clock */
    int is_dead;      /* its destination cannot be reached; else it is only busy */
} egs_hold;

/** Hold a lane, or hold it longer. */
void egs_hold_lane(egs_hold hold);

/** Its destination has room again. */
void egs_unhold_lane(int lane);

/** Dead destinations are to be tried again. */
void egs_holds_forget_dead(void);

/** Those that are held now, of egs_hold. */
const apr_array_header_t *egs_holds_list(apr_pool_t *pool);

#endif
