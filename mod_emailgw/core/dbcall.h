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

/* libpq's, under names that need no header of it. */
typedef struct pg_result eg_pgresult;

/** How long the answer of a call is waited for. */
typedef struct {
    apr_interval_time_t limit; /* 0: without end */
    apr_time_t end;            /* of eg_clock() */
    int late;                  /* it did not come by then, and the connection is shut down */
} eg_dbwait;

void eg_dbwait_begin(eg_dbwait *wait, const eg_db *db);

/** Send a statement; what the database does not take at once goes when its result is asked for. @return 0: not sent */
int eg_pgconn_send(eg_pgconn *conn, const eg_statement *s);

/** As PQgetResult: NULL after the last one. One that is late is an error of the connection. */
eg_pgresult *eg_pgconn_result(eg_pgconn *conn, eg_dbwait *wait);

/** How one try failed. */
typedef struct {
    apr_status_t rv;
    int again;           /* may the same call do better at once? */
    const char *message; /* PostgreSQL's, first line */
} eg_dbfailure;

/**
 * Why there is no result, or another than was wanted.
 * @param result  NULL where there was none
 * @param wait  for it
 */
void eg_dbfailure_set(eg_dbfailure *failed, eg_pgconn *conn, const eg_pgresult *result, const eg_dbwait *wait,
                      apr_pool_t *pool);

/** Logged once, when it is clear that nothing more is tried. */
void eg_dbfailure_log(const eg_dbfailure *failed, const eg_db *db, const char *function);

/** End whatever a failed call left open, and give the connection back. */
void eg_pgconn_settle(eg_pgconn *conn, const eg_dbwait *wait, eg_db *db);

/** A result of rows that goes with the pool. */
eg_rows *eg_rows_own(eg_pgresult *result, apr_pool_t *pool);

#endif
