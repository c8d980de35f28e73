#include "limiter.h"

#include <apr_shm.h>
#include <apr_strings.h>

#include "config.h"
#include "mod_emailgw.h"

#define TABLES 3
#define BUCKETS 4096 /* of 8 keys each, in each table: 5 MB together */

static apr_status_t make(eg_rate_tables *tables, apr_pool_t *pool)
{
    eg_rates **const made[TABLES] = { &tables->keys, &tables->failures, &tables->good };
    apr_size_t size = eg_rates_size(BUCKETS);
    apr_shm_t *shm;
    char *memory;
    apr_status_t rv = apr_shm_create(&shm, TABLES * size + EG_RATES_ALIGNMENT, NULL, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    memory = apr_shm_baseaddr_get(shm);
    memory += -(apr_uintptr_t)memory % EG_RATES_ALIGNMENT;
    for (int i = 0; i < TABLES && rv == APR_SUCCESS; i++) {
        rv = eg_rates_init(made[i], memory + (apr_size_t)i * size, BUCKETS);
    }
    return rv;
}

/* Those of the last configuration, or new ones. The process's pool outlives the module: nothing of it may be in there. */
static apr_status_t find_or_make(eg_rate_tables **tables, const char *name, apr_pool_t *pool)
{
    void *known = NULL;
    apr_status_t rv;

    apr_pool_userdata_get(&known, name, pool);
    *tables = known;
    if (known != NULL) {
        return APR_SUCCESS;
    }
    *tables = apr_pcalloc(pool, sizeof **tables);
    rv = make(*tables, pool);
    if (rv == APR_SUCCESS) {
        rv = apr_pool_userdata_set(*tables, name, apr_pool_cleanup_null, pool);
    }
    return rv;
}

int egm_limiter_start(server_rec *main_server)
{
    process_rec *process = main_server->process;
    /* By this name the next configuration finds the tables, and a module with another layout of them does not. */
    const char *name = apr_psprintf(process->pconf, "emailgw_rates_%d_%" APR_SIZE_T_FMT, EG_RATES_LAYOUT,
                                    TABLES * eg_rates_size(BUCKETS));
    eg_rate_tables *tables;
    apr_status_t rv = find_or_make(&tables, name, process->pool);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     EGLOGNO(0160) "cannot make shared memory to count requests in");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        egm_config_of_server(s)->rates = tables;
    }
    return OK;
}
