/*
 * The suppression list, the same for the commands that add to it.
 */
#ifndef EG_SUPPRESSION_H
#define EG_SUPPRESSION_H

#include "command.h"

/** Entries to be, one element each. */
typedef struct {
    apr_array_header_t *addresses, *hashes, *reasons; /* of const char * */
} eg_suppression_batch;

/** An empty one. */
void eg_suppression_batch_make(eg_suppression_batch *batch, int size, apr_pool_t *pool);

void eg_suppression_batch_add(eg_suppression_batch *batch, const eg_call *call, const char *address,
                              const char *reason, apr_pool_t *pool);

/**
 * Put them on the list of the account or of DomainID. Doing it again changes nothing.
 * @param added  those that were not there before
 * @param status  as of emailgw_api.put_suppressions
 */
apr_status_t eg_suppression_put(int *added, int *status, const eg_call *call,
                                const eg_suppression_batch *batch, apr_pool_t *pool);

#endif
