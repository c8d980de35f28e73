#include "store.h"

#include <apr_dbd.h>
#include <apr_optional.h>
#include <mod_dbd.h>

#include "mod_emailgw.h"

/* mod_dbd's, set before any child or thread begins. */
static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;

/** What a request has open, if anything. */
typedef struct {
    request_rec *r;
    ap_dbd_t *dbd;
} lease;

void egm_store_register(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
}

static void give(eg_db *db, eg_pgconn *conn, int broken)
{
    lease *l = db->baton;

    (void)conn;
    (void)broken; /* its PQstatus says so: check_conn resets it when it is next taken */
    dbd_close(l->r->server, l->dbd);
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

    l->dbd = dbd_open(l->r->pool, l->r->server);
    if (l->dbd == NULL) {
        return NULL; /* mod_dbd has logged why */
    }
    conn = apr_dbd_native_handle(l->dbd->driver, l->dbd->handle);
    if (!eg_pgconn_alive(conn)
        && (apr_dbd_check_conn(l->dbd->driver, l->r->pool, l->dbd->handle) != APR_SUCCESS || !eg_pgconn_alive(conn))) {
        give(db, conn, 1);
        return NULL;
    }
    return conn;
}

eg_db *egm_store_of_request(request_rec *r, const eg_log *log)
{
    eg_db *db = apr_pcalloc(r->pool, sizeof *db);
    lease *l = apr_pcalloc(r->pool, sizeof *l);

    l->r = r;
    *db = (eg_db){ .take = take, .give = give, .baton = l, .pool = r->pool, .log = log };
    return db;
}
