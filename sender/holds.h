/*
 * Lanes whose mails no thread of this process claims for some time: their
 * destinations could not take them.
 */
#ifndef EGS_HOLDS_H
#define EGS_HOLDS_H

#include <apr_tables.h>

typedef struct egs_holds egs_holds;

/** For all threads. */
egs_holds *egs_holds_new(apr_pool_t *pool);

/** Hold a lane, or hold it longer. @param until  by egs_clock */
void egs_hold_lane(egs_holds *holds, int lane, apr_time_t until);

/** Its destination has room again. */
void egs_unhold_lane(egs_holds *holds, int lane);

/** Those that are held now, of int. */
apr_array_header_t *egs_holds_list(egs_holds *holds, apr_pool_t *pool);

#endif
