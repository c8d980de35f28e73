#include "smtp_tls.h"

#include <string.h>

#include <http_connection.h>
#include <http_core.h>
#include <http_ssl.h>

#include "config.h"
#include "mod_emailgw.h"

/* mod_ssl's, set before any child or thread begins; NULL where there is none of it. */
static module *ssl_module;
static ap_HOOK_pre_connection_t *ssl_pre_connection;

/* mod_ssl asks for more certificates of each server that it serves: so it is one. */
static int note_server(server_rec *s, apr_pool_t *pool, apr_array_header_t *certificates,
                       apr_array_header_t *keys)
{
    (void)pool;
    (void)certificates;
    (void)keys;
    egm_config_of_server(s)->has_tls = 1;
    return DECLINED;
}

void egm_smtp_tls_register(void)
{
    ap_hook_ssl_add_cert_files(note_server, NULL, NULL, APR_HOOK_MIDDLE);
}

int egm_smtp_tls_find(void)
{
    apr_array_header_t *hooks = ap_hook_get_pre_connection();

    ssl_module = ap_find_linked_module("mod_ssl.c");
    ssl_pre_connection = NULL;
    for (int i = 0; hooks != NULL && i < hooks->nelts; i++) {
        const ap_LINK_pre_connection_t *hook = &APR_ARRAY_IDX(hooks, i, ap_LINK_pre_connection_t);

        if (strcmp(hook->szName, "mod_ssl.c") == 0) {
            ssl_pre_connection = hook->pFunc;
        }
    }
    return ssl_module != NULL && ssl_pre_connection != NULL;
}

int egm_smtp_tls_has(const server_rec *s)
{
    return egm_config_of_server(s)->has_tls;
}

/* Not ap_ssl_bind_outgoing: it would take the connection for one that we have made. */
void egm_smtp_tls_hold(conn_rec *c)
{
    ap_run_ssl_bind_outgoing(c, NULL, 0);
}

static apr_status_t shake_hands(conn_rec *c)
{
    apr_bucket_brigade *nothing = apr_brigade_create(c->pool, c->bucket_alloc);
    apr_status_t rv = ap_get_brigade(c->input_filters, nothing, AP_MODE_INIT, APR_BLOCK_READ, 0);

    apr_brigade_destroy(nothing);
    return rv == APR_SUCCESS && !ap_ssl_conn_is_ssl(c) ? APR_EGENERAL : rv;
}

apr_status_t egm_smtp_tls_begin(conn_rec *c, apr_interval_time_t timeout)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_interval_time_t before;
    apr_status_t rv;

    apr_socket_timeout_get(socket, &before);
    apr_socket_timeout_set(socket, timeout);
    ap_set_module_config(c->conn_config, ssl_module, NULL); /* as if the connection were new */
    rv = ssl_pre_connection(c, socket) == OK ? shake_hands(c) : APR_EGENERAL;
    apr_socket_timeout_set(socket, before);
    return rv;
}
