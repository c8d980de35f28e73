/*
 * Header fields whose values have a syntax, such as References: there an encoded word
 * is no text but letters of an address or of an id (RFC 2047 section 5). Pure.
 */
#ifndef EG_FIELDSYNTAX_H
#define EG_FIELDSYNTAX_H

#include "eg.h"

typedef struct {
    const char *phrase; /* UTF-8, without quotes: words that can only be written encoded; else NULL */
    const char *rest;   /* printable ASCII, a blank between words: to be written as it is */
} eg_fieldsyntax;

/** Is it such a field? */
int eg_fieldsyntax_has(const char *name);

/**
 * How its value is to be written: white space is one blank there, whatever there is of it.
 * @return APR_EINVAL where it cannot be: characters beyond ASCII where no phrase is, or a word that no line holds
 */
apr_status_t eg_fieldsyntax_read(eg_fieldsyntax *parts, const char *name, const char *value,
                                 apr_pool_t *pool);

#endif
