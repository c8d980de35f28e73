#include "store.h"

#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <mod_dbd.h>

#include "config.h"
#include "dbgroup.h"
#include "mod_emailgw.h"

/* mod_dbd's, set before any child or thread begins. */
static APR_OPTIONAL_FN_TYPE(ap_dbd_open) * dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) * dbd_close;

/** Of this child: the groups of all databases that it has met. */
static struct {
    apr_thread_mutex_t *mutex;
    apr_pool_t *pool;
    apr_hash_t *groups; /* eg_pgconn_name -> eg_group */
} child;

/** What one has open, if anything. */
typedef struct {
    server_rec *server;
    apr_pool_t *pool;
    ap_dbd_t *dbd;
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
        apr_thread_mutex_create(&child.mutex, APR_THREAD_MUTEX_DEFAULT, child.pool) != APR_SUCCESS) {
        child.mutex = NULL; /* then each call is committed by itself */
        return;
    }
    child.groups = apr_hash_make(child.pool);
}

/* mod_dbd does not tell which virtual hosts share a pool, a connection does. */
static eg_group *group_of(eg_pgconn *conn, apr_pool_t *pool)
{
    const char *name = eg_pgconn_name(conn, pool);
    eg_group *group;

    apr_thread_mutex_lock(child.mutex);
    group = apr_hash_get(child.groups, name, APR_HASH_KEY_STRING);
    if (group == NULL && eg_group_make(&group, child.pool) == APR_SUCCESS) {
        apr_hash_set(child.groups, apr_pstrdup(child.pool, name), APR_HASH_KEY_STRING, group);
    }
    apr_thread_mutex_unlock(child.mutex);
    return group;
}

static void learn_group(eg_db *db, eg_pgconn *conn)
{
    lease *l = db->baton;
    egm_server_config *config = egm_config_of_server(l->server);

    if (db->group == NULL && child.mutex != NULL) {
        db->group = group_of(conn, db->pool);
        __atomic_store_n(&config->group, db->group, __ATOMIC_RELEASE);
    }
}

static void give(eg_db *db, eg_pgconn *conn, int broken)
{
    lease *l = db->baton;

    (void)conn;
    (void)broken; /* its PQstatus says so: check_conn resets it when it is next taken */
    dbd_close(l->server, l->dbd);
    l->dbd = NULL;
}

/*
 * apr_dbd looks at PQstatus only, which still says that all is well after
 * PostgreSQL was restarted. So look at the socket, and let check_conn reset it.
 */
static eg_pgconn *take(eg_db *db)
{
    lease *l = db->baton;
    eg_pgconn *conn;

    l->dbd = dbd_open(l->pool, l->server);
    if (l->dbd == NULL) {
        return NULL; /* mod_dbd has logged why */
    }
    conn = apr_dbd_native_handle(l->dbd->driver, l->dbd->handle);
    if (!eg_pgconn_alive(conn) &&
        (apr_dbd_check_conn(l->dbd->driver, l->pool, l->dbd->handle) != APR_SUCCESS ||
         !eg_pgconn_alive(conn))) {
        give(db, conn, 1);
        return NULL;
    }
    learn_group(db, conn);
    return conn;
}

eg_db *egm_store_of_server(server_rec *server, const eg_log *log, apr_pool_t *pool)
{
    eg_db *db = apr_pcalloc(pool, sizeof *db);
    lease *l = apr_pcalloc(pool, sizeof *l);

    l->server = server;
    l->pool = pool;
    *db = (eg_db){ .take = take,
                   .give = give,
                   .baton = l,
                   .group = __atomic_load_n(&egm_config_of_server(server)->group, __ATOMIC_ACQUIRE),
                   .pool = pool,
                   .log = log };
    return db;
}

eg_db *egm_store_of_request(request_rec *r, const eg_log *log)
{
    return egm_store_of_server(r->server, log, r->pool);
}
