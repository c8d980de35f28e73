/*
 * One function call on a PGconn: arguments in, rows out, SQLSTATE as an
 * apr_status_t. The only code that knows libpq.
 *
 * Every call is SELECT * FROM emailgw_api.<function>($1, ...): one round trip,
 * one transaction. Nothing here prepares, begins or sets anything, so a
 * connection can be pooled, restarted and routed through pgbouncer.
 */
#ifndef EG_DB_H
#define EG_DB_H

#include "log.h"

/* A PGconn, for those who only carry it. */
typedef struct pg_conn eg_pgconn;

typedef struct eg_db eg_db;

/* Whose calls may be committed together: dbgroup.h. */
typedef struct eg_group eg_group;

typedef enum {
    EG_DB_WELL,   /* it has answered */
    EG_DB_UNUSED, /* it was asked nothing */
    EG_DB_BROKEN, /* it failed in mid-call: do not reuse as it is */
    EG_DB_LATE    /* ... since no answer came in time */
} eg_db_end;

/** Where connections come from. The host fills it in; see eg_db_dedicated. */
struct eg_db {
    /** A live connection, or NULL when the database cannot be reached. */
    eg_pgconn *(*take)(eg_db *db);
    /** Give it back. */
    void (*give)(eg_db *db, eg_pgconn *conn, eg_db_end end);
    void *baton;
    eg_group *group;           /* of this database, or NULL */
    apr_interval_time_t limit; /* for the answer of a call; 0: none */
    apr_pool_t *pool;          /* results live here */
    const eg_log *log;
};

/* What a call can answer beside APR_SUCCESS; each is logged once, but for a host that gave no connection. */
#define EG_DB_UNREACHABLE (APR_OS_START_USERERR + 1) /* no connection, read-only or lost: try later */
#define EG_DB_UNKNOWN                                                                                        \
    (APR_OS_START_USERERR + 2) /* lost or late after sending, if only once: it may be committed */
#define EG_DB_MISSING (APR_OS_START_USERERR + 3)      /* schema or function missing: emailgwctl migrate */
#define EG_DB_REFUSED (APR_OS_START_USERERR + 4)      /* any other SQL error: a bug or a bad value */
#define EG_DB_NO_PARTITION (APR_OS_START_USERERR + 5) /* no partition holds this row */

/** One argument: text and arrays travel as text, bytes as binary. NULL data is SQL NULL. */
typedef struct {
    const void *data;
    apr_size_t size; /* of binary data, else unused */
    enum { EG_DB_TEXT, EG_DB_INT, EG_DB_BYTES, EG_DB_TEXTS, EG_DB_BYTES_ARRAY } type;
    apr_int64_t number;
} eg_dbarg;

/** Binary data with its length, for arrays of bytea. */
typedef struct {
    const void *data; /* NULL is SQL NULL */
    apr_size_t size;
} eg_bytes;

eg_dbarg eg_db_text(const char *text); /* any type, in PostgreSQL's text form */
eg_dbarg eg_db_int(apr_int64_t number);
eg_dbarg eg_db_bytes(const void *data, apr_size_t size);
eg_dbarg eg_db_texts(const char *const *texts, apr_size_t count); /* text[] and whatever casts from it */
eg_dbarg eg_db_bytes_array(const eg_bytes *items, apr_size_t count);

#define EG_DB_ARGS(...)                                                                                      \
    (const eg_dbarg[]){ __VA_ARGS__ }, sizeof((const eg_dbarg[]){ __VA_ARGS__ }) / sizeof(eg_dbarg)

typedef struct eg_rows eg_rows;

typedef enum {
    EG_DB_ONCE,      /* never sent twice: an unknown outcome is reported */
    EG_DB_REPEATABLE /* safe to send again: reads, and writes that know their key */
} eg_db_repeat;

/**
 * Call emailgw_api.<function>. A REPEATABLE call is tried again, a few
 * times, on a fresh connection after one that was lost (but for want of an answer by the limit), a deadlock, a serialization failure
 * or while functions are rebuilt; a ONCE call only where nothing can have been committed.
 * @param rows  set on success; freed with db->pool
 * @param function  a literal: it becomes part of the statement
 * @return one of EG_DB_* on failure, already logged
 */
apr_status_t eg_db_call(eg_rows **rows, eg_db *db, eg_db_repeat repeat, const char *function,
                        const eg_dbarg *args, apr_size_t count);

int eg_rows_count(const eg_rows *rows);
/** NULL for SQL NULL. The column must exist: asserts otherwise. Lives as long as the rows. */
const char *eg_rows_text(const eg_rows *rows, int row, const char *column);
/** 0 for SQL NULL. */
apr_int64_t eg_rows_int(const eg_rows *rows, int row, const char *column);
int eg_rows_bool(const eg_rows *rows, int row, const char *column);
/** Decoded bytea, allocated from the pool; data is NULL for SQL NULL. */
eg_bytes eg_rows_bytes(const eg_rows *rows, int row, const char *column, apr_pool_t *pool);
/** Free now rather than with the pool. */
void eg_rows_free(eg_rows *rows);

/**
 * Is it worth sending on? Looks for a closed socket without a round trip.
 */
int eg_pgconn_alive(eg_pgconn *conn);

/** Which database it leads to, and as whom: equal where they are. No password is in it. */
const char *eg_pgconn_name(eg_pgconn *conn, apr_pool_t *pool);

/** The newest migration that this build knows; emailgw_api.made_for() of this build says the same. */
#define EG_DB_MIGRATION 36

/**
 * Whether libpq can make something of a connection string. Its own words on one that is wrong
 * cite pieces of it, which may be pieces of the password: so they are for nobody to see.
 */
int eg_db_is_dsn(const char *dsn);

/**
 * A database of one connection of its own: the sender's threads, emailgwctl.
 * Opened at first use, opened anew after a loss, closed with the pool.
 * @param dsn  libpq's connection string; copied
 * @param needs  the migration that the database's functions have to be made for, which each
 *        connection asks once: where they are older there is none, which is logged once; 0: any
 */
eg_db *eg_db_dedicated(const char *dsn, int needs, const eg_log *log, apr_pool_t *pool);

/**
 * Why a dedicated database gives no connection, in PostgreSQL's words on one line; "" while it does,
 * and where a connection was lost within a call, which is logged. Without a password. Holds until the next call.
 */
const char *eg_db_why(const eg_db *db);

/** The same connection with results going to another pool (cleared after each job). */
eg_db *eg_db_with_pool(eg_db *db, apr_pool_t *pool);

/**
 * Run a script of several statements in one transaction, for migrations only.
 * @param error  on failure: PostgreSQL's message with its context
 */
apr_status_t eg_db_script(eg_db *db, const char *sql, const char **error);

#endif
