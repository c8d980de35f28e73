#include "db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <libpq-fe.h>

#include "dbcall.h"

#define TRIES 4                     /* of a call that can do better at once */
#define WHY_SIZE 512                /* octets of why there is no connection */
#define PAUSE apr_time_from_msec(5) /* before the second; each is four times as long as the one before */

struct eg_rows {
    PGresult *result;
    apr_pool_t *pool; /* clears the result unless eg_rows_free did */
};

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
        { "42883", EG_DB_MISSING, 1 }, /* undefined_function: perhaps just being rebuilt */
        { "42704", EG_DB_MISSING, 1 }, /* undefined_object: a type */
        { "3F000", EG_DB_MISSING, 1 }, /* invalid_schema_name */
        { "42P01", EG_DB_MISSING, 0 }, /* undefined_table */
        { "42501", EG_DB_MISSING, 0 }, /* insufficient_privilege */
        { "XX000", EG_DB_REFUSED, 1 }, /* internal_error: a function replaced in mid-call */
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

void eg_pgconn_settle(PGconn *conn, const eg_dbwait *wait, eg_db *db)
{
    if (PQstatus(conn) == CONNECTION_OK && PQtransactionStatus(conn) != PQTRANS_IDLE) {
        PQclear(PQexec(conn, "ROLLBACK"));
    }
    if (PQstatus(conn) == CONNECTION_OK && PQtransactionStatus(conn) == PQTRANS_IDLE) {
        db->give(db, conn, EG_DB_WELL);
    }
    else {
        db->give(db, conn, wait->late ? EG_DB_LATE : EG_DB_BROKEN);
    }
}

void eg_dbfailure_set(eg_dbfailure *failed, PGconn *conn, const PGresult *result, const eg_dbwait *wait,
                      apr_pool_t *pool)
{
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    failed->rv = judge(PQresultErrorField(result, PG_DIAG_SQLSTATE), &failed->again);
    if (wait->late) {
        failed->message =
            apr_psprintf(pool, "no answer within %.1f s", (double)wait->limit / APR_USEC_PER_SEC);
    }
    else {
        message = message != NULL ? message : PQerrorMessage(conn);
        failed->message = apr_pstrmemdup(pool, message, strcspn(message, "\n"));
    }
}

void eg_dbfailure_log(const eg_dbfailure *failed, const eg_db *db, const char *function)
{
    if (failed->rv == EG_DB_REFUSED || failed->rv == EG_DB_MISSING) {
        eg_log_at(db->log, EG_LOG_ERR, APR_SUCCESS, EGLOGNO(0101) "%s: %s", function, failed->message);
    }
    else {
        eg_log_at(db->log, EG_LOG_WARN, APR_SUCCESS, EGLOGNO(0102) "%s: database: %s", function,
                  failed->message);
    }
}

eg_rows *eg_rows_own(PGresult *result, apr_pool_t *pool)
{
    eg_rows *rows = apr_palloc(pool, sizeof *rows);

    *rows = (eg_rows){ .result = result, .pool = pool };
    apr_pool_cleanup_register(pool, result, clear_result, apr_pool_cleanup_null);
    return rows;
}

/* One try on one connection. @return the rows, NULL on failure */
static PGresult *try_call(eg_dbfailure *failed, PGconn *conn, const eg_statement *s, eg_dbwait *wait,
                          apr_pool_t *pool)
{
    PGresult *result = NULL, *next;

    if (eg_pgconn_send(conn, s)) {
        while ((next = eg_pgconn_result(conn, wait)) != NULL) {
            PQclear(result);
            result = next; /* after the rows a commit can fail */
        }
    }
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        return result;
    }
    eg_dbfailure_set(failed, conn, result, wait, pool);
    PQclear(result);
    return NULL;
}

/*
 * Functions that are rebuilt are there at any moment, but others learn of it only a little
 * after the commit: until then they look in the schema that there was.
 */
static void wait_for_functions(const eg_dbfailure *failed, int tries)
{
    if (tries > 0 && (failed->rv == EG_DB_MISSING || failed->rv == EG_DB_REFUSED)) {
        apr_sleep(PAUSE << 2 * (tries - 1));
    }
}

apr_status_t eg_statement_run(eg_rows **rows, eg_db *db, eg_db_repeat repeat, const eg_statement *s)
{
    eg_dbfailure failed = { EG_DB_UNREACHABLE, 1, NULL };
    int unknown = 0; /* did any try end so? Then no later refusal can say that nothing was done */

    for (int tries = 0; tries < TRIES && failed.again; tries++) {
        PGconn *conn;
        PGresult *result;
        eg_dbwait wait;

        wait_for_functions(&failed, tries);
        conn = db->take(db);
        if (conn == NULL) {
            break;
        }
        eg_dbwait_begin(&wait, db);
        result = try_call(&failed, conn, s, &wait, db->pool);
        eg_pgconn_settle(conn, &wait, db);
        if (result != NULL) {
            *rows = eg_rows_own(result, db->pool);
            return APR_SUCCESS;
        }
        if (failed.rv == EG_DB_UNKNOWN) {
            unknown = 1;
            failed.again = repeat == EG_DB_REPEATABLE && !wait.late;
        }
    }
    if (failed.message != NULL) {
        eg_dbfailure_log(&failed, db, s->function);
    }
    return unknown ? EG_DB_UNKNOWN : failed.rv;
}

apr_status_t eg_db_call(eg_rows **rows, eg_db *db, eg_db_repeat repeat, const char *function,
                        const eg_dbarg *args, apr_size_t count)
{
    eg_statement s;

    eg_statement_make(&s, function, args, count, db->pool);
    return eg_statement_run(rows, db, repeat, &s);
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
    return PQstatus(conn) == CONNECTION_OK && PQconsumeInput(conn) && PQconsumeInput(conn) &&
           PQstatus(conn) == CONNECTION_OK;
}

const char *eg_pgconn_name(eg_pgconn *conn, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s@%s(%s):%s/%s?%s", PQuser(conn), PQhost(conn), PQhostaddr(conn),
                        PQport(conn), PQdb(conn), PQoptions(conn));
}

/** A connection of one thread's own. */
typedef struct {
    const char *dsn;
    int needs;    /* the migration that the functions have to be made for; 0: any */
    int told;     /* that they are older */
    PGconn *conn; /* NULL before the first use and after a loss */
    char why[WHY_SIZE];
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

/* @return the migration that the functions are made for; 0: too old a one to say so; -1: nobody answers */
static int ask_made_for(PGconn *conn, apr_pool_t *pool)
{
    PGresult *result = PQexec(conn, "SELECT * FROM emailgw_api.made_for()");
    const eg_dbwait wait = { 0 };
    eg_dbfailure failed;
    int number;

    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        number = atoi(PQgetvalue(result, 0, 0));
    }
    else {
        eg_dbfailure_set(&failed, conn, result, &wait, pool);
        number = failed.rv == EG_DB_MISSING ? 0 : -1;
    }
    PQclear(result);
    return number;
}

/* Rows of older functions lack columns that are read. */
static int is_fit(eg_db *db, dedicated *own)
{
    int number = own->needs > 0 ? ask_made_for(own->conn, db->pool) : 0;

    if (number >= own->needs) {
        own->told = 0;
        return 1;
    }
    if (number >= 0 && !own->told) {
        eg_log_at(db->log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0476) "the database's functions are older than this program, which is made for "
                                "migration %d: run emailgwctl migrate",
                  own->needs);
        own->told = 1;
    }
    return 0;
}

/* A host name has no @, but for an abstract socket's in front. */
static int has_inner_at(const char *hosts)
{
    const char *at = strchr(hosts, '@');

    while (at != NULL && (at == hosts || at[-1] == ',')) {
        at = strchr(at + 1, '@');
    }
    return at != NULL;
}

/* Has this a piece of the password, because a URI has it with a slash or an @ in the clear? */
static int is_displaced(const PQconninfoOption *option)
{
    if (option->val == NULL) {
        return 0;
    }
    return strcmp(option->keyword, "port") == 0
               ? option->val[strspn(option->val, "0123456789,")] != '\0'
               : strcmp(option->keyword, "host") == 0 && has_inner_at(option->val);
}

int eg_db_is_dsn(const char *dsn)
{
    PQconninfoOption *options = PQconninfoParse(dsn, NULL), *option = options;
    int good;

    while (option != NULL && option->keyword != NULL && !is_displaced(option)) {
        option++;
    }
    good = option != NULL && option->keyword == NULL;
    PQconninfoFree(options);
    return good;
}

/* libpq has a line for each address that it tried, and more for what it would ask a person. */
static void set_why(dedicated *own, const char *message)
{
    char *end;

    apr_cpystrn(own->why, message, sizeof own->why);
    for (char *at = own->why; *at != '\0'; at++) {
        if (apr_iscntrl(*at)) {
            *at = ' ';
        }
    }
    end = own->why + strlen(own->why);
    while (end > own->why && end[-1] == ' ') {
        *--end = '\0';
    }
}

static void connect_dedicated(eg_db *db, dedicated *own)
{
    own->conn = PQconnectdb(own->dsn);
    PQsetNoticeReceiver(own->conn, ignore_notice, NULL);
    if (PQstatus(own->conn) != CONNECTION_OK) {
        set_why(own, PQerrorMessage(own->conn));
        eg_log_at(db->log, EG_LOG_DEBUG, APR_SUCCESS, "database: %s", own->why);
        close_dedicated(own);
    }
    else if (!is_fit(db, own)) {
        set_why(own, "its functions are older than this program");
        close_dedicated(own);
    }
    else {
        set_why(own, "");
    }
}

static eg_pgconn *take_dedicated(eg_db *db)
{
    dedicated *own = db->baton;

    if (own->conn != NULL && !eg_pgconn_alive(own->conn)) {
        close_dedicated(own);
    }
    if (own->conn == NULL) {
        connect_dedicated(db, own);
    }
    return own->conn;
}

static void give_dedicated(eg_db *db, eg_pgconn *conn, eg_db_end end)
{
    (void)conn;
    if (end == EG_DB_BROKEN || end == EG_DB_LATE) {
        close_dedicated(db->baton);
    }
}

eg_db *eg_db_dedicated(const char *dsn, int needs, const eg_log *log, apr_pool_t *pool)
{
    eg_db *db = apr_pcalloc(pool, sizeof *db);
    dedicated *own = apr_pcalloc(pool, sizeof *own);

    own->dsn = apr_pstrdup(pool, dsn);
    own->needs = needs;
    apr_pool_cleanup_register(pool, own, close_dedicated, apr_pool_cleanup_null);
    *db = (eg_db){ .take = take_dedicated, .give = give_dedicated, .baton = own, .pool = pool, .log = log };
    return db;
}

const char *eg_db_why(const eg_db *db)
{
    return ((const dedicated *)db->baton)->why;
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
    const eg_dbwait wait = { 0 };
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
    eg_pgconn_settle(conn, &wait, db);
    return rv;
}
