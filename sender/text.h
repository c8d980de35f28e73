/*
 * Text that grows at its end, in a pool.
 */
#ifndef EGS_TEXT_H
#define EGS_TEXT_H

#include "eg.h"

typedef struct {
    char *data; /* always ends in a NUL that length does not count */
    apr_size_t length;
    apr_size_t capacity; /* bytes behind data */
    apr_pool_t *pool;
} egs_text;

/** An empty text. @param capacity  bytes that are likely to do */
void egs_text_init(egs_text *text, apr_size_t capacity, apr_pool_t *pool);

void egs_text_add(egs_text *text, const char *data, apr_size_t length);

/** A string up to its NUL. */
void egs_text_puts(egs_text *text, const char *string);

#endif
