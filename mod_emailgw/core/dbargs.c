/*
 * Arguments of a call as libpq takes them, made without it.
 */
#include "dbcall.h"

#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#define BYTEA_OID 17

/* What every statement begins with; the function's name is a literal of ours. */
#define STATEMENT "SELECT * FROM emailgw_api."

eg_dbarg eg_db_text(const char *text)
{
    return (eg_dbarg){ .data = text, .type = EG_DB_TEXT };
}

eg_dbarg eg_db_int(apr_int64_t number)
{
    return (eg_dbarg){ .type = EG_DB_INT, .number = number };
}

eg_dbarg eg_db_bytes(const void *data, apr_size_t size)
{
    return (eg_dbarg){ .data = data, .size = size, .type = EG_DB_BYTES };
}

eg_dbarg eg_db_texts(const char *const *texts, apr_size_t count)
{
    return (eg_dbarg){ .data = texts, .size = count, .type = EG_DB_TEXTS };
}

eg_dbarg eg_db_bytes_array(const eg_bytes *items, apr_size_t count)
{
    return (eg_dbarg){ .data = items, .size = count, .type = EG_DB_BYTES_ARRAY };
}

/* {"a","b"}: every element quoted, so that only quotes and backslashes need care. */
static const char *text_array(const char *const *texts, apr_size_t count, apr_pool_t *pool)
{
    apr_size_t size = 3;
    char *array, *out;

    for (apr_size_t i = 0; i < count; i++) {
        size += 2 * strlen(texts[i]) + 3;
    }
    out = array = apr_palloc(pool, size);
    *out++ = '{';
    for (apr_size_t i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ',';
        }
        *out++ = '"';
        for (const char *in = texts[i]; *in; in++) {
            if (*in == '"' || *in == '\\') {
                *out++ = '\\';
            }
            *out++ = *in;
        }
        *out++ = '"';
    }
    *out++ = '}';
    *out = '\0';
    return array;
}

static char *put_int32(char *out, apr_uint32_t number)
{
    *out++ = (char)(number >> 24);
    *out++ = (char)(number >> 16);
    *out++ = (char)(number >> 8);
    *out++ = (char)number;
    return out;
}

/* array_recv's form: dimensions, has NULLs, element type, size, lower bound, then length and bytes of each. */
static const char *bytes_array(const eg_bytes *items, apr_size_t count, int *size, apr_pool_t *pool)
{
    apr_size_t total = 20;
    char *array, *out;

    for (apr_size_t i = 0; i < count; i++) {
        total += 4 + items[i].size;
    }
    out = array = apr_palloc(pool, total);
    out = put_int32(out, count > 0 ? 1 : 0);
    out = put_int32(out, 0);
    out = put_int32(out, BYTEA_OID);
    *size = 12;
    if (count == 0) {
        return array;
    }
    out = put_int32(out, (apr_uint32_t)count);
    out = put_int32(out, 1);
    for (apr_size_t i = 0; i < count; i++) {
        out = put_int32(out, (apr_uint32_t)items[i].size);
        if (items[i].size > 0) {
            memcpy(out, items[i].data, items[i].size);
            out += items[i].size;
        }
    }
    *size = (int)total;
    return array;
}

static void bind_value(eg_dbvalues *v, const eg_dbarg *arg, int i, apr_pool_t *pool)
{
    v->lengths[i] = 0;
    v->formats[i] = 0;
    switch (arg->type) {
    case EG_DB_TEXT:
        v->values[i] = arg->data;
        break;
    case EG_DB_INT:
        v->values[i] = apr_psprintf(pool, "%" APR_INT64_T_FMT, arg->number);
        break;
    case EG_DB_TEXTS:
        v->values[i] = arg->data != NULL ? text_array(arg->data, arg->size, pool) : NULL;
        break;
    case EG_DB_BYTES:
        v->values[i] = arg->data;
        v->lengths[i] = (int)arg->size;
        v->formats[i] = 1;
        break;
    case EG_DB_BYTES_ARRAY:
        v->values[i] = arg->data != NULL ? bytes_array(arg->data, arg->size, &v->lengths[i], pool) : NULL;
        v->formats[i] = 1;
        break;
    }
}

static void allocate(eg_dbvalues *v, int count, apr_pool_t *pool)
{
    v->count = count;
    v->values = apr_palloc(pool, (apr_size_t)count * sizeof *v->values);
    v->lengths = apr_palloc(pool, (apr_size_t)count * sizeof *v->lengths);
    v->formats = apr_palloc(pool, (apr_size_t)count * sizeof *v->formats);
}

void eg_dbvalues_make(eg_dbvalues *values, const eg_dbarg *args, apr_size_t count, apr_pool_t *pool)
{
    allocate(values, (int)count, pool);
    for (int i = 0; i < values->count; i++) {
        bind_value(values, &args[i], i, pool);
    }
}

/* "$1, $2" and so on. */
static char *put_parameters(char *out, int first, int count)
{
    for (int i = 0; i < count; i++) {
        out += sprintf(out, i > 0 ? ", $%d" : "$%d", first + i);
    }
    return out;
}

#define PARAMETER_SIZE 8 /* of one of them: there are at most 65,535 */

void eg_statement_make(eg_statement *s, const char *function, const eg_dbarg *args, apr_size_t count,
                       apr_pool_t *pool)
{
    char *out = apr_palloc(pool, sizeof(STATEMENT) + strlen(function) + PARAMETER_SIZE * count + 3);

    s->text = out;
    s->function = function;
    eg_dbvalues_make(&s->values, args, count, pool);
    out += sprintf(out, STATEMENT "%s(", function);
    out = put_parameters(out, 1, s->values.count);
    strcpy(out, ")");
}

static void join_values(eg_dbvalues *all, const eg_dbvalues *const *items, int count, apr_pool_t *pool)
{
    int each = items[0]->count;

    allocate(all, count * each, pool);
    for (int i = 0; i < count; i++) {
        apr_size_t n = (apr_size_t)each;

        memcpy(all->values + i * each, items[i]->values, n * sizeof *all->values);
        memcpy(all->lengths + i * each, items[i]->lengths, n * sizeof *all->lengths);
        memcpy(all->formats + i * each, items[i]->formats, n * sizeof *all->formats);
    }
}

void eg_statement_make_many(eg_statement *s, const char *function, const char *row,
                            const eg_dbvalues *const *items, int count, apr_pool_t *pool)
{
    int each = items[0]->count;
    apr_size_t item_size =
        sizeof(", ::bigint, ROW()::emailgw_api.") + strlen(row) + PARAMETER_SIZE * (apr_size_t)(each + 1);
    char *out = apr_palloc(pool, sizeof(STATEMENT "(ARRAY[], ARRAY[])") + strlen(function) +
                                     item_size * (apr_size_t)count);

    s->text = out;
    s->function = function;
    join_values(&s->values, items, count, pool);
    out += sprintf(out, STATEMENT "%s(ARRAY[", function);
    for (int i = 0; i < count; i++) {
        out += sprintf(out, "%s$%d::bigint", i > 0 ? ", " : "", i * each + 1);
    }
    out += sprintf(out, "], ARRAY[");
    for (int i = 0; i < count; i++) {
        out += sprintf(out, "%sROW(", i > 0 ? ", " : "");
        out = put_parameters(out, i * each + 2, each - 1);
        out += sprintf(out, ")::emailgw_api.%s", row);
    }
    strcpy(out, "])");
}
