/*
 * mod_dbd's pooled connections as an eg_db: taken for one call, checked that
 * they are alive, and given back before the client gets its answer.
 */
#ifndef EGM_STORE_H
#define EGM_STORE_H

#include <httpd.h>

#include "db.h"

/** The database of a request's virtual host; results live in the request's pool. */
eg_db *egm_store_of_request(request_rec *r, const eg_log *log);

/** Look up mod_dbd's functions: once, in post_config. */
void egm_store_register(void);

#endif
