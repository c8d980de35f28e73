/*
 * Counters as the API shows them, the same in all statistics.
 */
#ifndef EG_STATS_H
#define EG_STATS_H

#include "command.h"

/**
 * {"Sent": 5, ...}: the numbers of a row whose column counts has them by type, and their rates.
 * @return the caller owns it
 */
json_t *eg_stats_json(const eg_rows *rows, int row, apr_pool_t *pool);

/** The same without rates. */
json_t *eg_stats_numbers_json(const eg_rows *rows, int row, apr_pool_t *pool);

#endif
