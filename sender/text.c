/*
 * Text that grows at its end, in a pool.
 */
#include <string.h>

#include "text.h"

void egs_text_init(egs_text *text, apr_size_t capacity, apr_pool_t *pool)
{
    text->pool = pool;
    text->length = 0;
    text->capacity = capacity + 1;
    text->data = apr_palloc(pool, text->capacity);
    text->data[0] = '\0';
}

void egs_text_add(egs_text *text, const char *data, apr_size_t length)
{
    apr_size_t needed = text->length + length + 1;

    if (needed > text->capacity) {
        char *grown;

        /* Doubling keeps the sum of what is left behind in the pool below the final size. */
        text->capacity = needed * 2;
        grown = apr_palloc(text->pool, text->capacity);
        memcpy(grown, text->data, text->length);
        text->data = grown;
    }
    if (length) {
        memcpy(text->data + text->length, data, length);
    }
    text->length += length;
    text->data[text->length] = '\0';
}

void egs_text_puts(egs_text *text, const char *string)
{
    egs_text_add(text, string, strlen(string));
}
