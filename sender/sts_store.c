#include "sts_store.h"

#include <string.h>

#include <apr_strings.h>

static const apr_array_header_t *split(const char *mx, apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 4, sizeof(const char *));
    char *at;

    for (char *one = apr_strtok(apr_pstrdup(pool, mx), " ", &at); one != NULL;
         one = apr_strtok(NULL, " ", &at)) {
        APR_ARRAY_PUSH(list, const char *) = one;
    }
    return list;
}

apr_status_t egs_sts_store_get(egs_sts_stored **stored, int *count, eg_db *db, const char *const *domains,
                               int domains_count)
{
    egs_sts_stored *list;
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "get_sts_policies",
                                 EG_DB_ARGS(eg_db_texts(domains, (apr_size_t)domains_count)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *count = 0;
    *stored = list = apr_pcalloc(db->pool, (apr_size_t)eg_rows_count(rows) * sizeof *list + 1);
    for (int i = 0; i < eg_rows_count(rows); i++) {
        egs_sts_kept *kept = &list[*count].kept;

        if (egs_sts_mode_parse(&kept->policy.mode, eg_rows_text(rows, i, "mode")) == APR_SUCCESS) {
            list[*count].domain = eg_rows_text(rows, i, "domain");
            kept->id = eg_rows_text(rows, i, "record_id");
            kept->policy.mx = split(eg_rows_text(rows, i, "mx"), db->pool);
            kept->policy.max_age = eg_rows_int(rows, i, "max_age_us");
            kept->age = eg_rows_int(rows, i, "age_us");
            kept->left = eg_rows_int(rows, i, "left_us");
            ++*count;
        }
    }
    return APR_SUCCESS;
}

apr_status_t egs_sts_store_put(eg_db *db, const egs_sts_lookup *lookup)
{
    const char *domain = lookup->domain, *id = lookup->id, *mode, *mx, *max_age;
    eg_rows *rows;

    if (lookup->outcome != EGS_STS_FETCHED) {
        return APR_SUCCESS;
    }
    mode = egs_sts_mode_name(lookup->policy.mode);
    mx = apr_array_pstrcat(db->pool, lookup->policy.mx, ' ');
    max_age = apr_psprintf(db->pool, "%" APR_INT64_T_FMT, lookup->policy.max_age);
    return eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_sts_policies",
                      EG_DB_ARGS(eg_db_texts(&domain, 1), eg_db_texts(&id, 1), eg_db_texts(&mode, 1),
                                 eg_db_texts(&mx, 1), eg_db_texts(&max_age, 1)));
}
