/*
 * mod_dbd's pooled connections as an eg_db: taken for one call, checked that
 * they are alive, and given back before the client gets its answer. Virtual
 * hosts of one database share a group for what is committed together.
 */
#ifndef EGM_STORE_H
#define EGM_STORE_H

#include <httpd.h>

#include "db.h"

/** The database of a request's virtual host; results live in the request's pool. */
eg_db *egm_store_of_request(request_rec *r, const eg_log *log);

/** The same where there is no request; results live in the pool. */
eg_db *egm_store_of_server(server_rec *server, const eg_log *log, apr_pool_t *pool);

/** Look up mod_dbd's functions: once, in post_config. */
void egm_store_register(void);

/** What a child needs of its own: for ap_hook_child_init. */
void egm_store_child_init(apr_pool_t *pool, server_rec *s);

#endif
