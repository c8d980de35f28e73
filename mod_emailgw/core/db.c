#include "db.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <libpq-fe.h>

#define ARGS_MAX 64
#define BYTEA_OID 17

/* What every statement begins with; the function's name is a literal of ours. */
#define STATEMENT "SELECT * FROM emailgw_api."

struct eg_rows {
    PGresult *result;
    apr_pool_t *pool; /* clears the result unless eg_rows_free did */
};

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

/** A call as PQexecParams takes it. */
typedef struct {
    const char *statement;
    int count;
    const char *values[ARGS_MAX];
    int lengths[ARGS_MAX];
    int formats[ARGS_MAX];
} statement;

static void bind_value(statement *s, const eg_dbarg *arg, int i, apr_pool_t *pool)
{
    s->lengths[i] = 0;
    s->formats[i] = 0;
    switch (arg->type) {
    case EG_DB_TEXT:
        s->values[i] = arg->data;
        break;
    case EG_DB_INT:
        s->values[i] = apr_psprintf(pool, "%" APR_INT64_T_FMT, arg->number);
        break;
    case EG_DB_TEXTS:
        s->values[i] = arg->data != NULL ? text_array(arg->data, arg->size, pool) : NULL;
        break;
    case EG_DB_BYTES:
        s->values[i] = arg->data;
        s->lengths[i] = (int)arg->size;
        s->formats[i] = 1;
        break;
    case EG_DB_BYTES_ARRAY:
        s->values[i] = arg->data != NULL ? bytes_array(arg->data, arg->size, &s->lengths[i], pool) : NULL;
        s->formats[i] = 1;
        break;
    }
}

static void prepare(statement *s, const char *function, const eg_dbarg *args, apr_size_t count, apr_pool_t *pool)
{
    char *out = apr_palloc(pool, sizeof(STATEMENT) + strlen(function) + 8 * count + 3);

    assert(count <= ARGS_MAX);
    s->statement = out;
    s->count = (int)count;
    out += sprintf(out, STATEMENT "%s(", function);
    for (int i = 0; i < s->count; i++) {
        out += sprintf(out, i > 0 ? ", $%d" : "$%d", i + 1);
        bind_value(s, &args[i], i, pool);
    }
    strcpy(out, ")");
}

/** What an SQLSTATE means for the caller, and whether the same call can do better at once. */
static apr_status_t judge(const char *sqlstate, int *again)
{
    static const struct {
        const char *prefix;
        apr_status_t rv;
        int again;
    } states[] = {
        { "40001", EG_DB_UNREACHABLE, 1 }, /* serialization_failure: rolled back */
        { "40P01", EG_DB_UNREACHABLE, 1 }, /* deadlock_detected: rolled back */
        { "55P03", EG_DB_UNREACHABLE, 0 }, /* lock_not_available */
        { "25006", EG_DB_UNREACHABLE, 1 }, /* read_only_sql_transaction: a server that was primary */
        { "53", EG_DB_UNREACHABLE, 0 },    /* insufficient_resources: disk full, too many connections */
        { "57014", EG_DB_UNREACHABLE, 0 }, /* query_canceled: statement_timeout */
        { "57P", EG_DB_UNREACHABLE, 1 },   /* admin_shutdown, crash_shutdown, cannot_connect_now */
        { "58", EG_DB_UNREACHABLE, 0 },    /* system_error: I/O */
        { "23514", EG_DB_NO_PARTITION, 0 },
        { "42883", EG_DB_MISSING, 1 },     /* undefined_function: perhaps just being rebuilt */
        { "3F000", EG_DB_MISSING, 1 },     /* invalid_schema_name */
        { "42P01", EG_DB_MISSING, 0 },     /* undefined_table */
        { "42501", EG_DB_MISSING, 0 },     /* insufficient_privilege */
        { "XX000", EG_DB_REFUSED, 1 },     /* internal_error: a function replaced in mid-call */
    };

    *again = 0;
    if (sqlstate == NULL) {
        return EG_DB_UNKNOWN;
    }
    for (apr_size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strncmp(sqlstate, states[i].prefix, strlen(states[i].prefix)) == 0) {
            *again = states[i].again;
            return states[i].rv;
        }
    }
    return EG_DB_REFUSED;
}

static apr_status_t clear_result(void *result)
{
    PQclear(result);
    return APR_SUCCESS;
}

/* Whatever a failed call left open. */
static int settle(PGconn *conn)
{
    if (PQstatus(conn) == CONNECTION_OK && PQtransactionStatus(conn) != PQTRANS_IDLE) {
        PQclear(PQexec(conn, "ROLLBACK"));
    }
    return PQstatus(conn) != CONNECTION_OK || PQtransactionStatus(conn) != PQTRANS_IDLE;
}

/** How one try failed. */
typedef struct {
    apr_status_t rv;
    int again;           /* may the same call do better at once? */
    const char *message; /* PostgreSQL's, first line */
} failure;

/* One try on one connection. @return the rows, NULL on failure */
static PGresult *try_call(failure *failed, PGconn *conn, const statement *s, apr_pool_t *pool)
{
    PGresult *result = PQexecParams(conn, s->statement, s->count, NULL, s->values, s->lengths, s->formats, 0);
    const char *message;

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        return result;
    }
    message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    message = message != NULL ? message : PQerrorMessage(conn);
    failed->message = apr_pstrmemdup(pool, message, strcspn(message, "\n"));
    failed->rv = judge(PQresultErrorField(result, PG_DIAG_SQLSTATE), &failed->again);
    PQclear(result);
    return NULL;
}

/* Logged once, when it is clear that nothing more is tried. */
static void log_failure(const eg_db *db, const char *function, const failure *failed)
{
    if (failed->rv == EG_DB_REFUSED || failed->rv == EG_DB_MISSING) {
        eg_log_at(db->log, EG_LOG_ERR, APR_SUCCESS, EGLOGNO(0101) "%s: %s", function, failed->message);
    }
    else {
        eg_log_at(db->log, EG_LOG_WARN, APR_SUCCESS, EGLOGNO(0102) "%s: database: %s", function, failed->message);
    }
}

apr_status_t eg_db_call(eg_rows **rows, eg_db *db, eg_db_repeat repeat, const char *function, const eg_dbarg *args,
                        apr_size_t count)
{
    failure failed = { EG_DB_UNREACHABLE, 1, NULL };
    int unknown = 0; /* did any try end so? Then no later refusal can say that nothing was done */
    statement s;

    prepare(&s, function, args, count, db->pool);
    for (int tries = 0; tries < 2 && failed.again; tries++) {
        PGconn *conn = db->take(db);
        PGresult *result;

        if (conn == NULL) {
            break;
        }
        result = try_call(&failed, conn, &s, db->pool);
        db->give(db, conn, settle(conn));
        if (result != NULL) {
            apr_pool_cleanup_register(db->pool, result, clear_result, apr_pool_cleanup_null);
            *rows = apr_palloc(db->pool, sizeof **rows);
            **rows = (eg_rows){ .result = result, .pool = db->pool };
            return APR_SUCCESS;
        }
        if (failed.rv == EG_DB_UNKNOWN) {
            unknown = 1;
            failed.again = repeat == EG_DB_REPEATABLE;
        }
    }
    if (failed.message != NULL) {
        log_failure(db, function, &failed);
    }
    return unknown ? EG_DB_UNKNOWN : failed.rv;
}

int eg_rows_count(const eg_rows *rows)
{
    return PQntuples(rows->result);
}

/* PQfnumber would make a copy of the name for each field of each row. */
static int column_of(const eg_rows *rows, const char *column)
{
    int count = PQnfields(rows->result), at = 0;

    while (at < count && strcmp(PQfname(rows->result, at), column) != 0) {
        at++;
    }
    assert(at < count);
    return at;
}

const char *eg_rows_text(const eg_rows *rows, int row, const char *column)
{
    int at = column_of(rows, column);

    return PQgetisnull(rows->result, row, at) ? NULL : PQgetvalue(rows->result, row, at);
}

apr_int64_t eg_rows_int(const eg_rows *rows, int row, const char *column)
{
    const char *text = eg_rows_text(rows, row, column);

    return text != NULL ? apr_strtoi64(text, NULL, 10) : 0;
}

int eg_rows_bool(const eg_rows *rows, int row, const char *column)
{
    const char *text = eg_rows_text(rows, row, column);

    return text != NULL && *text == 't';
}

eg_bytes eg_rows_bytes(const eg_rows *rows, int row, const char *column, apr_pool_t *pool)
{
    const char *text = eg_rows_text(rows, row, column);
    eg_bytes bytes = { NULL, 0 };

    if (text != NULL) {
        unsigned char *data = PQunescapeBytea((const unsigned char *)text, &bytes.size);

        assert(data != NULL);
        bytes.data = apr_pmemdup(pool, data, bytes.size + 1); /* libpq ends it with a NUL */
        PQfreemem(data);
    }
    return bytes;
}

void eg_rows_free(eg_rows *rows)
{
    apr_pool_cleanup_run(rows->pool, rows->result, clear_result);
    rows->result = NULL;
}

int eg_pgconn_alive(eg_pgconn *conn)
{
    /* The first read takes what the server sent (its good-bye), the second sees the end. */
    return PQstatus(conn) == CONNECTION_OK && PQconsumeInput(conn) && PQconsumeInput(conn)
           && PQstatus(conn) == CONNECTION_OK;
}

/** A connection of one thread's own. */
typedef struct {
    const char *dsn;
    PGconn *conn; /* NULL before the first use and after a loss */
} dedicated;

static apr_status_t close_dedicated(void *baton)
{
    dedicated *own = baton;

    PQfinish(own->conn);
    own->conn = NULL;
    return APR_SUCCESS;
}

/* Notices are for people at a terminal; ours come back as results. */
static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static eg_pgconn *take_dedicated(eg_db *db)
{
    dedicated *own = db->baton;

    if (own->conn != NULL && !eg_pgconn_alive(own->conn)) {
        close_dedicated(own);
    }
    if (own->conn == NULL) {
        own->conn = PQconnectdb(own->dsn);
        PQsetNoticeReceiver(own->conn, ignore_notice, NULL);
    }
    if (PQstatus(own->conn) != CONNECTION_OK) {
        eg_log_at(db->log, EG_LOG_DEBUG, APR_SUCCESS, "database: %s", PQerrorMessage(own->conn));
        close_dedicated(own);
    }
    return own->conn;
}

static void give_dedicated(eg_db *db, eg_pgconn *conn, int broken)
{
    (void)conn;
    if (broken) {
        close_dedicated(db->baton);
    }
}

eg_db *eg_db_dedicated(const char *dsn, const eg_log *log, apr_pool_t *pool)
{
    eg_db *db = apr_pcalloc(pool, sizeof *db);
    dedicated *own = apr_pcalloc(pool, sizeof *own);

    own->dsn = apr_pstrdup(pool, dsn);
    apr_pool_cleanup_register(pool, own, close_dedicated, apr_pool_cleanup_null);
    *db = (eg_db){ .take = take_dedicated, .give = give_dedicated, .baton = own, .pool = pool, .log = log };
    return db;
}

eg_db *eg_db_with_pool(eg_db *db, apr_pool_t *pool)
{
    eg_db *with = apr_pmemdup(pool, db, sizeof *db);

    with->pool = pool;
    return with;
}

apr_status_t eg_db_script(eg_db *db, const char *sql, const char **error)
{
    PGconn *conn = db->take(db);
    PGresult *result;
    apr_status_t rv = APR_SUCCESS;

    if (conn == NULL) {
        *error = "no connection to the database";
        return EG_DB_UNREACHABLE;
    }
    result = PQexec(conn, sql); /* several statements in one message are one transaction */
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        *error = apr_pstrdup(db->pool, PQerrorMessage(conn));
        rv = EG_DB_REFUSED;
    }
    PQclear(result);
    db->give(db, conn, settle(conn));
    return rv;
}
