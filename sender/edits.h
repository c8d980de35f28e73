/*
 * Places of a text where something else is to stand: noted first, made at
 * once, so that every other byte is copied as it is. Pure.
 */
#ifndef EGS_EDITS_H
#define EGS_EDITS_H

#include <apr_tables.h>

#include "db.h"

/** In the order of their places, which do not overlap. */
typedef struct {
    const char *text; /* that they are of */
    apr_size_t length;
    apr_array_header_t *list;
} egs_edits;

void egs_edits_init(egs_edits *edits, const char *text, apr_size_t length, apr_pool_t *pool);

/**
 * Put string where length bytes stand at place, behind all edits so far.
 * @param place  in the text
 * @param string  kept, not copied
 */
void egs_edits_replace(egs_edits *edits, const char *place, apr_size_t length, const char *string);

/** Put string before what stands at place, wherever the edits so far are; behind those at that place. */
void egs_edits_insert(egs_edits *edits, const char *place, const char *string);

/** The text with its edits, and a NUL behind it; without any the text itself. */
eg_bytes egs_edits_make(const egs_edits *edits, apr_pool_t *pool);

#endif
