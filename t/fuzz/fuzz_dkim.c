/* DKIM canonicalisation: whatever the bytes, relaxed ones come out, and relaxing them again changes nothing. */
#include <apr_general.h>
#include <apr_pools.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void collect(void *baton, const char *data, apr_size_t size)
{
    egs_text_add(baton, data, size);
}

static egs_text relax_body(const void *data, size_t size, apr_pool_t *pool)
{
    egs_text relaxed;

    egs_text_init(&relaxed, size + 2, pool);
    egs_dkim_relax_body((eg_bytes){ data, size }, collect, &relaxed);
    return relaxed;
}

static egs_text relax_field(const char *data, size_t size, apr_pool_t *pool)
{
    egs_text relaxed;

    egs_text_init(&relaxed, size, pool);
    egs_dkim_relax_field(&relaxed, data, size);
    return relaxed;
}

static int is_white(char c)
{
    return c == ' ' || c == '\t';
}

/* One blank at most, none before a line end; lines, the last of which is not empty. */
static void check_body(const egs_text *body, size_t size)
{
    require(body->length <= size + 2);
    require(!body->length || (body->length > 2 && !memcmp(body->data + body->length - 2, "\r\n", 2)));
    require(body->length < 4 || memcmp(body->data + body->length - 4, "\r\n\r\n", 4) != 0);
    for (size_t i = 0; i < body->length; i++) {
        require(body->data[i] != '\t');
        require(body->data[i] != ' ' ||
                (!is_white(body->data[i + 1]) && memcmp(body->data + i + 1, "\r\n", 2) != 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    egs_text body, again, field;
    apr_pool_t *pool;

    apr_initialize();
    require(apr_pool_create(&pool, NULL) == APR_SUCCESS);

    body = relax_body(data, size, pool);
    check_body(&body, size);
    again = relax_body(body.data, body.length, pool);
    require(again.length == body.length && !memcmp(again.data, body.data, body.length));

    field = relax_field((const char *)data, size, pool);
    require(field.length <= size);
    again = relax_field(field.data, field.length, pool);
    require(again.length <= field.length);

    apr_pool_destroy(pool);
    return 0;
}
