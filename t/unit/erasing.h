/*
 * Who looks through texts for somebody, in a simpler way than the database.
 */
#ifndef ERASING_H
#define ERASING_H

#include <string.h>

#include <apr_strings.h>

#include "erasable.h"

#define ERASING_PERSON "ann@example.org"

static inline void erasing_look_through(const egs_erasable *erasable, const char *person, apr_pool_t *pool)
{
    for (int i = 0; i < erasable->texts->nelts; i++) {
        egs_erasable_text *each = &APR_ARRAY_IDX(erasable->texts, i, egs_erasable_text);
        const char *from = each->text, *found;
        char *erased, *to;

        if (strcasestr(from, person) == NULL) {
            continue;
        }
        erased = to = apr_palloc(pool, 2 * strlen(from) + 1);
        for (; (found = strcasestr(from, person)) != NULL; from = found + strlen(person)) {
            to = (char *)memcpy(to, from, (size_t)(found - from)) + (found - from);
            to = (char *)memcpy(to, "[erased]", 8) + 8;
        }
        strcpy(to, from);
        each->erased = erased;
    }
}

#endif
