#include "inhand.h"

static apr_int64_t in_hand; /* bytes, of this child */

static apr_status_t forget(void *held)
{
    __atomic_sub_fetch(&in_hand, *(apr_int64_t *)held, __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

int eg_inhand_grow(apr_int64_t **held, apr_int64_t size, apr_int64_t max, apr_pool_t *pool)
{
    apr_int64_t more;

    if (size <= EG_INHAND_SMALL) {
        return 1;
    }
    if (*held == NULL) {
        *held = apr_pcalloc(pool, sizeof **held);
        apr_pool_cleanup_register(pool, *held, forget, apr_pool_cleanup_null);
    }
    more = size - **held;
    if (__atomic_add_fetch(&in_hand, more, __ATOMIC_RELAXED) > max) {
        __atomic_sub_fetch(&in_hand, more, __ATOMIC_RELAXED);
        return 0;
    }
    **held += more;
    return 1;
}
