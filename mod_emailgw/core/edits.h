/*
 * Places of a text where something else is to stand: noted first, made at
 * once, so that every other byte is copied as it is. Pure.
 */
#ifndef EG_EDITS_H
#define EG_EDITS_H

#include <apr_tables.h>

#include "db.h"

/** Of those whose places overlap the first by place is made, and the others are not. */
typedef struct {
    const char *text; /* that they are of */
    apr_size_t length;
    apr_array_header_t *list; /* by place; quickest where they are noted in that order, or nearly so */
} eg_edits;

void eg_edits_init(eg_edits *edits, const char *text, apr_size_t length, apr_pool_t *pool);

/**
 * Put string where length bytes stand at place, behind what was put there before.
 * @param place  in the text
 * @param string  kept, not copied
 */
void eg_edits_replace(eg_edits *edits, const char *place, apr_size_t length, const char *string);

/** Put string before what stands at place. */
void eg_edits_insert(eg_edits *edits, const char *place, const char *string);

/** The text with its edits, and a NUL behind it; without any the text itself. */
eg_bytes eg_edits_make(const eg_edits *edits, apr_pool_t *pool);

#endif
