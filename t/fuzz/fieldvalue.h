/*
 * The value of a header field that was written, as readers have it.
 */
#ifndef FIELDVALUE_H
#define FIELDVALUE_H

#include <string.h>

#include "text.h"

/* What stands behind the colon, in one line. */
static inline const char *fieldvalue_of(const egs_text *field, apr_pool_t *pool)
{
    const char *from = strchr(field->data, ':') + 1;
    char *value = apr_palloc(pool, field->length), *to = value;

    for (from += *from == ' '; *from; from++) {
        if (*from != '\r' && *from != '\n') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return value;
}

#endif
