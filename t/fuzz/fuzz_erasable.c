/* Mails that are looked through for a person: without the person they stay as they are, and what was erased stays so. */
#include <stdint.h>
#include <stdlib.h>

#include <apr_general.h>

#include "../unit/erasing.h"
#include "lineends.h"
#include "rawmail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void require_same(eg_bytes a, eg_bytes b)
{
    require(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
}

static eg_bytes erase(eg_bytes raw, apr_pool_t *pool)
{
    egs_erasable *erasable = egs_erasable_mail(raw, ERASING_PERSON, pool);
    eg_bytes erased;

    if (!erasable->is_changed) {
        require(egs_erasable_is_same(erasable));
        require_same(egs_erasable_write(erasable), raw);
    }
    erasing_look_through(erasable, ERASING_PERSON, pool);
    erased = egs_erasable_write(erasable);
    require(!egs_erasable_is_same(erasable) || erased.data == raw.data);
    return erased;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    const char *problem;
    eg_bytes raw, erased, again;
    eg_rawmail mail;
    apr_pool_t *pool;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    raw = lineends_of(data, size, pool);
    erased = erase(raw, pool);
    again = erase(erased, pool); /* a field that was no list can have become one */
    require_same(erase(again, pool), again);
    require(eg_rawmail_parse(&mail, &problem, raw, pool) != APR_SUCCESS ||
            eg_rawmail_parse(&mail, &problem, erased, pool) == APR_SUCCESS);
    apr_pool_destroy(pool);
    return 0;
}
