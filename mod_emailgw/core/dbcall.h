/*
 * What single calls (db.c) and calls in one transaction (dbgroup.c) share.
 */
#ifndef EG_DBCALL_H
#define EG_DBCALL_H

#include "db.h"

/** Arguments as PQexecParams takes them. */
typedef struct {
    int count;
    const char **values;
    int *lengths;
    int *formats;
} eg_dbvalues;

/** A call as PQexecParams takes it. */
typedef struct {
    const char *function;
    const char *text;
    eg_dbvalues values;
} eg_statement;

/** Allocated from the pool; what the arguments point to must live as long. */
void eg_dbvalues_make(eg_dbvalues *values, const eg_dbarg *args, apr_size_t count, apr_pool_t *pool);

/** emailgw_api.<function>(first, second, ...). */
void eg_statement_make(eg_statement *s, const char *function, const eg_dbarg *args, apr_size_t count,
                       apr_pool_t *pool);

/**
 * emailgw_api.<function>(routing keys, rows): an array of the first value of each item, and
 * one of the others, which are the columns of the type emailgw_api.<row>.
 * @param items  at least one, all with as many values
 */
void eg_statement_make_many(eg_statement *s, const char *function, const char *row,
                            const eg_dbvalues *const *items, int count, apr_pool_t *pool);

/** As eg_db_call does. */
apr_status_t eg_statement_run(eg_rows **rows, eg_db *db, eg_db_repeat repeat, const eg_statement *s);

/** How one try failed. */
typedef struct {
    apr_status_t rv;
    int again;           /* may the same call do better at once? */
    const char *message; /* PostgreSQL's, first line */
} eg_dbfailure;

/* libpq's, under names that need no header of it. */
typedef struct pg_result eg_pgresult;

/** Why there is no result, or another than was wanted. @param result  NULL where there was none */
void eg_dbfailure_set(eg_dbfailure *failed, eg_pgconn *conn, const eg_pgresult *result, apr_pool_t *pool);

/** End whatever a failed call left open. @return 1 when the connection is good for nothing more */
int eg_pgconn_settle(eg_pgconn *conn);

/** A result of rows that goes with the pool. */
eg_rows *eg_rows_own(eg_pgresult *result, apr_pool_t *pool);

#endif
