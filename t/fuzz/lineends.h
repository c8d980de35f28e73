/*
 * Bytes as mails come in: CR and LF only together.
 */
#ifndef LINEENDS_H
#define LINEENDS_H

#include <stddef.h>
#include <stdint.h>

#include "db.h"

static inline eg_bytes lineends_of(const uint8_t *data, size_t size, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, 2 * size + 1);
    apr_size_t length = 0;

    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            text[length++] = '\r';
            text[length++] = '\n';
        }
        else if (data[i] != '\r') {
            text[length++] = (char)data[i];
        }
    }
    return (eg_bytes){ text, length };
}

#endif
