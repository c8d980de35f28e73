/*
 * Web origins (RFC 6454): lists of those whose pages may read our answers.
 */
#ifndef EG_ORIGIN_H
#define EG_ORIGIN_H

#include <apr_tables.h>

#include "eg.h"

/**
 * "https://app.example.com,http://localhost:8080", as browsers write them into
 * Origin; "*" is any, "none" is an empty list.
 * @param list  of const char *
 * @return APR_EINVAL
 */
apr_status_t eg_origin_parse_list(apr_array_header_t **list, const char *text, apr_pool_t *pool);

/** Is it in the list? Never one that is no origin, such as "null". */
int eg_origin_in(const apr_array_header_t *list, const char *origin);

/** What both lists have. */
apr_array_header_t *eg_origin_common(const apr_array_header_t *a, const apr_array_header_t *b,
                                     apr_pool_t *pool);

#endif
