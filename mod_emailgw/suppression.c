#include "suppression.h"

#include "addresshash.h"

void eg_suppression_batch_make(eg_suppression_batch *batch, int size, apr_pool_t *pool)
{
    batch->addresses = apr_array_make(pool, size, sizeof(const char *));
    batch->hashes = apr_array_make(pool, size, sizeof(const char *));
    batch->reasons = apr_array_make(pool, size, sizeof(const char *));
}

void eg_suppression_batch_add(eg_suppression_batch *batch, const eg_call *call, const char *address,
                              const char *reason, apr_pool_t *pool)
{
    const char *hashes = eg_addresshash_all(call->secret, address, pool);

    APR_ARRAY_PUSH(batch->addresses, const char *) = address;
    APR_ARRAY_PUSH(batch->hashes, const char *) = hashes != NULL ? hashes : "";
    APR_ARRAY_PUSH(batch->reasons, const char *) = reason;
}

static eg_dbarg texts(const apr_array_header_t *list)
{
    return eg_db_texts((const char *const *)list->elts, (apr_size_t)list->nelts);
}

apr_status_t eg_suppression_put(int *added, int *status, const eg_call *call,
                                const eg_suppression_batch *batch, apr_pool_t *pool)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, eg_db_with_pool(call->db, pool), EG_DB_REPEATABLE, "put_suppressions",
                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                              texts(batch->addresses), texts(batch->hashes), texts(batch->reasons)));

    if (rv == APR_SUCCESS) {
        *added = (int)eg_rows_int(rows, 0, "added");
        *status = (int)eg_rows_int(rows, 0, "status");
    }
    return rv;
}
