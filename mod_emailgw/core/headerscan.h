/*
 * The small things that structured header fields are made of: blanks, comments,
 * quoted strings (RFC 5322 section 3.2). Pure.
 */
#ifndef EG_HEADERSCAN_H
#define EG_HEADERSCAN_H

#include "eg.h"

/** What is still to be read of a value. */
typedef struct {
    const char *at, *end;
} eg_headerscan;

/** Pass over blanks, folds and comments. @return 0 when a comment has no end */
int eg_headerscan_skip(eg_headerscan *scan);

/**
 * The quoted string that begins here, and pass over it.
 * @param value  what it stands for: without quotes, backslashes and folds
 * @return 0 when it has no end, or a NUL in it
 */
int eg_headerscan_quoted(const char **value, eg_headerscan *scan, apr_pool_t *pool);

#endif
