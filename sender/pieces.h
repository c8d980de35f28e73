/*
 * Parameters that stand in pieces, "name*0", "name*1*" (RFC 2231 section 3). Pure.
 */
#ifndef EGS_PIECES_H
#define EGS_PIECES_H

#include "headervalue.h"

/** Each value that is in pieces as one, joined by their numbers, where the first of them stands. */
void egs_pieces_join(eg_headervalue *value, apr_pool_t *pool);

#endif
