/*
 * Lists of addresses as header fields have them (RFC 5322 section 3.4), with names
 * and comments, groups taken apart. Pure.
 */
#ifndef EG_ADDRESSLIST_H
#define EG_ADDRESSLIST_H

#include <apr_tables.h>

#include "eg.h"

typedef struct {
    const char *name;    /* UTF-8, decoded, at most EG_NAME_MAX bytes; "" for none */
    const char *address; /* as it stands there, without blanks: whether it is one is for eg_mailbox_parse */
} eg_address;

/**
 * @param list  of eg_address, in the order given
 * @param value  in one line
 * @return APR_EINVAL when it is no such list
 */
apr_status_t eg_addresslist_parse(apr_array_header_t **list, const char *value, apr_pool_t *pool);

/**
 * Does everybody find the same addresses in it? Not with a group, nor with an at sign
 * in a comment or in a name without quotes, but for the address itself: some take what is
 * round it for the address, or show the comment in its place.
 * @return 0 also when it is no list
 */
int eg_addresslist_is_clear(const char *value, apr_pool_t *pool);

#endif
