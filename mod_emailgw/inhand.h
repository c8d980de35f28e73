/*
 * How much of large requests and mails a child has in hand, all together: what one
 * client after the other may fill memory with.
 */
#ifndef EG_INHAND_H
#define EG_INHAND_H

#include "eg.h"

#define EG_INHAND_SMALL (256 * 1024) /* bytes of one: up to here it needs no leave */

/**
 * One of them has so many bytes now. They count until the pool goes.
 * @param held  of this one, NULL at first
 * @param max   bytes of all
 * @return 0 when that is too much: what it had still counts
 */
int eg_inhand_grow(apr_int64_t **held, apr_int64_t size, apr_int64_t max, apr_pool_t *pool);

#endif
