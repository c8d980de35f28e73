#include "store.h"

#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <mod_dbd.h>

#include "config.h"
#include "dbgate.h"
#include "dbgroup.h"
#include "mod_emailgw.h"

/* mod_dbd's, set before any child or thread begins. */
static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

/** One that this child knows. */
typedef struct egm_database {
    eg_group *group;
    eg_dbgate *gate;
} egm_database;

/** Of this child. Without a mutex it has none of it: each call is made by itself, however long it takes. */
static struct {
    apr_thread_mutex_t *mutex;
    apr_pool_t *pool;
    apr_hash_t *databases; /* eg_pgconn_name -> egm_database */
    eg_dbgate *unknown;    /* of all that no connection has told of yet */
} child;

/** What one has open, if anything. */
typedef struct {
    server_rec *server;
    apr_pool_t *pool;
    ap_dbd_t *dbd;
    eg_dbgate *gate; /* where it has gone in; NULL: it has not */
    eg_dbpass pass;
} lease;

void egm_store_register(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
}

void egm_store_child_init(apr_pool_t *pool, server_rec *s)
{
    (void)s;
    if (apr_pool_create(&child.pool, pool) != APR_SUCCESS ||
        eg_dbgate_make(&child.unknown, child.pool) != APR_SUCCESS ||
        apr_thread_mutex_create(&child.mutex, APR_THREAD_MUTEX_DEFAULT, child.pool) != APR_SUCCESS) {
        child.mutex = NULL;
        return;
    }
    child.databases = apr_hash_make(child.pool);
}

/* ---- which database it is --------------------------------------------------------------------------- */

static egm_database *make_database(void)
{
    egm_database *database = apr_pcalloc(child.pool, sizeof *database);

    return eg_group_make(&database->group, child.pool) == APR_SUCCESS &&
                   eg_dbgate_make(&database->gate, child.pool) == APR_SUCCESS
               ? database
               : NULL;
}

/* mod_dbd does not tell which virtual hosts share a pool, a connection does. */
static egm_database *database_of(eg_pgconn *conn, apr_pool_t *pool)
{
    const char *name = eg_pgconn_name(conn, pool);
    egm_database *database;

    apr_thread_mutex_lock(child.mutex);
    database = apr_hash_get(child.databases, name, APR_HASH_KEY_STRING);
    if (database == NULL && (database = make_database()) != NULL) {
        apr_hash_set(child.databases, apr_pstrdup(child.pool, name), APR_HASH_KEY_STRING, database);
    }
    apr_thread_mutex_unlock(child.mutex);
    return database;
}

static egm_database *known(const lease *l)
{
    return __atomic_load_n(&egm_config_of_server(l->server)->database, __ATOMIC_ACQUIRE);
}

static void learn_database(eg_db *db, eg_pgconn *conn)
{
    lease *l = db->baton;

    if (db->group == NULL && child.mutex != NULL) {
        egm_database *database = database_of(conn, db->pool);

        db->group = database != NULL ? database->group : NULL;
        __atomic_store_n(&egm_config_of_server(l->server)->database, database, __ATOMIC_RELEASE);
    }
}

/* ---- connections ------------------------------------------------------------------------------------ */

static int enter(lease *l)
{
    egm_database *database = known(l);

    if (child.mutex == NULL) {
        return 1;
    }
    l->gate = database != NULL ? database->gate : child.unknown;
    if (!eg_dbgate_enter(&l->pass, l->gate)) {
        l->gate = NULL;
    }
    return l->gate != NULL;
}

static void leave(eg_db *db, eg_dbgate_end end)
{
    lease *l = db->baton;
    int change = l->gate != NULL ? eg_dbgate_leave(l->gate, &l->pass, end) : 0;

    l->gate = NULL;
    if (change > 0) {
        eg_log_at(
            db->log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0256) "the database is away: what needs it is refused at once until it answers again");
    }
    else if (change < 0) {
        eg_log_at(db->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0257) "the database answers again");
    }
}

static void close_lease(lease *l)
{
    dbd_close(l->server, l->dbd);
    l->dbd = NULL;
}

static void give(eg_db *db, eg_pgconn *conn, eg_db_end end)
{
    static const eg_dbgate_end told[] = { [EG_DB_WELL] = EG_DBGATE_ANSWERED,
                                          [EG_DB_UNUSED] = EG_DBGATE_UNTOLD,
                                          [EG_DB_BROKEN] = EG_DBGATE_UNTOLD,
                                          [EG_DB_LATE] = EG_DBGATE_SILENT };

    (void)conn; /* where it is broken its PQstatus says so: check_conn resets it when it is next taken */
    close_lease(db->baton);
    leave(db, told[end]);
}

/*
 * mod_dbd makes a connection under the lock of its pool, where all others would wait, and for each the
 * next. So they wait at the gate's door, and hear there that there is none.
 */
static int open_lease(eg_db *db)
{
    lease *l = db->baton;
    eg_dbgate *gate = l->gate;

    if (gate == NULL) {
        l->dbd = dbd_open(l->pool, l->server);
    }
    else if (eg_dbgate_open(gate, &l->pass)) {
        l->dbd = dbd_open(l->pool, l->server);
        if (l->dbd == NULL) {
            leave(db, EG_DBGATE_SILENT);
        }
        eg_dbgate_shut(gate);
    }
    return l->dbd != NULL; /* else mod_dbd has logged why, or the gate does */
}

/*
 * apr_dbd looks at PQstatus only, which still says that all is well after
 * PostgreSQL was restarted. So look at the socket, and let check_conn reset it.
 */
static int is_alive(const lease *l, eg_pgconn *conn)
{
    return eg_pgconn_alive(conn) ||
           (apr_dbd_check_conn(l->dbd->driver, l->pool, l->dbd->handle) == APR_SUCCESS &&
            eg_pgconn_alive(conn));
}

static eg_pgconn *take(eg_db *db)
{
    lease *l = db->baton;
    eg_pgconn *conn = NULL;

    if (!enter(l)) {
        return NULL;
    }
    if (open_lease(db)) {
        conn = apr_dbd_native_handle(l->dbd->driver, l->dbd->handle);
        if (!is_alive(l, conn)) {
            close_lease(l);
            conn = NULL;
        }
    }
    if (conn == NULL) {
        leave(db, EG_DBGATE_SILENT);
        return NULL;
    }
    learn_database(db, conn);
    return conn;
}

eg_db *egm_store_of_server(server_rec *server, const eg_log *log, apr_pool_t *pool)
{
    eg_db *db = apr_pcalloc(pool, sizeof *db);
    lease *l = apr_pcalloc(pool, sizeof *l);
    egm_database *database;

    l->server = server;
    l->pool = pool;
    database = known(l);
    *db = (eg_db){ .take = take,
                   .give = give,
                   .baton = l,
                   .group = database != NULL ? database->group : NULL,
                   .limit = egm_config_of_server(server)->settings.database_timeout,
                   .pool = pool,
                   .log = log };
    return db;
}

eg_db *egm_store_of_request(request_rec *r, const eg_log *log)
{
    return egm_store_of_server(r->server, log, r->pool);
}
