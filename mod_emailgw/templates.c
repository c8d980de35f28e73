/* TemplateIDs of a batch -> texts of templates, as many at a time as may be in memory. */
#include "templates.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "mail.h"

#define TEXTS_MAX (16 * 1024 * 1024) /* bytes of texts from which on no more of them are read ahead */

struct eg_templates {
    eg_call *call;
    const json_t *messages;
    apr_pool_t *pool;   /* of what was read last */
    eg_rows *rows;      /* that, or NULL */
    apr_hash_t *row_of; /* id -> its number among them, from 1 on */
};

eg_templates *eg_templates_make(eg_call *call, const json_t *messages)
{
    eg_templates *templates = apr_pcalloc(call->pool, sizeof *templates);

    templates->call = call;
    templates->messages = messages;
    apr_pool_create(&templates->pool, call->pool);
    templates->row_of = apr_hash_make(templates->pool);
    return templates;
}

/* What this mail and those behind it name; a mail to a list is taken by itself, with its template. */
static eg_dbarg ids_from(const eg_templates *templates, size_t index)
{
    size_t count = json_array_size(templates->messages);
    apr_array_header_t *ids = apr_array_make(templates->pool, 16, sizeof(const char *));
    apr_int64_t id, list_id;

    for (; index < count; index++) {
        eg_call mail = { .args = json_array_get(templates->messages, index) };

        if (eg_mail_read_id(&id, &mail, "TemplateID") && !eg_mail_read_id(&list_id, &mail, "TargetListID")) {
            APR_ARRAY_PUSH(ids, const char *) = apr_psprintf(templates->pool, "%" APR_INT64_T_FMT, id);
        }
    }
    return eg_db_texts((const char *const *)ids->elts, (apr_size_t)ids->nelts);
}

static void note_rows(eg_templates *templates)
{
    int count = eg_rows_count(templates->rows);
    apr_int64_t *ids = apr_palloc(templates->pool, (apr_size_t)count * sizeof *ids);

    for (int row = 0; row < count; row++) {
        ids[row] = eg_rows_int(templates->rows, row, "template_id");
        apr_hash_set(templates->row_of, &ids[row], sizeof *ids, (void *)(apr_uintptr_t)(row + 1));
    }
}

/* What was read before gives room to it. */
static apr_status_t read_from(eg_templates *templates, size_t index)
{
    eg_db *db;
    apr_status_t rv;

    apr_pool_clear(templates->pool);
    templates->row_of = apr_hash_make(templates->pool);
    db = eg_db_with_pool(templates->call->db, templates->pool);
    rv = eg_db_call(
        &templates->rows, db, EG_DB_REPEATABLE, "get_batch_templates",
        EG_DB_ARGS(eg_db_int(templates->call->account_id), ids_from(templates, index), eg_db_int(TEXTS_MAX)));
    if (rv == APR_SUCCESS) {
        note_rows(templates);
    }
    return rv;
}

static int find_row(const eg_templates *templates, apr_int64_t id)
{
    return (int)(apr_uintptr_t)apr_hash_get(templates->row_of, &id, sizeof id);
}

apr_status_t eg_templates_find(const eg_rows **rows, int *row, eg_templates *templates, size_t index,
                               apr_int64_t id)
{
    if (find_row(templates, id) == 0) {
        apr_status_t rv = read_from(templates, index);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *row = find_row(templates, id) - 1;
    *rows = templates->rows;
    return APR_SUCCESS;
}
