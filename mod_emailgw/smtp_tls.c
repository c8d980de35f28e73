#include "smtp_tls.h"

#include <string.h>

#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_ssl.h>
#include <http_vhost.h>
#include <util_filter.h>

#include "config.h"
#include "mod_emailgw.h"

#define HANDSHAKE_TIMEOUT                                                                                    \
    apr_time_from_sec(10) /* for all of it, however the client trickles: a thread waits */
#define FILTER "emailgw_handshake"

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

/* Below TLS: what is read has until the deadline, all of it together. */
static apr_status_t read_in_time(ap_filter_t *filter, apr_bucket_brigade *brigade, ap_input_mode_t mode,
                                 apr_read_type_e block, apr_off_t bytes)
{
    apr_interval_time_t left = *(const apr_time_t *)filter->ctx - apr_time_now();

    if (left <= 0) {
        return APR_TIMEUP;
    }
    apr_socket_timeout_set(ap_get_conn_socket(filter->c), left);
    return ap_get_brigade(filter->next, brigade, mode, block, bytes);
}

void egm_smtp_tls_register(void)
{
    ap_hook_ssl_add_cert_files(note_server, NULL, NULL, APR_HOOK_MIDDLE);
    ap_register_input_filter(FILTER, read_in_time, NULL, AP_FTYPE_CONNECTION + 8); /* mod_ssl's is + 5 */
}

void egm_smtp_tls_limit(conn_rec *c)
{
    apr_time_t *deadline = apr_palloc(c->pool, sizeof *deadline);

    *deadline = apr_time_now() + HANDSHAKE_TIMEOUT;
    ap_add_input_filter(FILTER, deadline, NULL, c);
}

void egm_smtp_tls_unlimit(conn_rec *c)
{
    egm_smtp_tls_remove_filter(c, FILTER);
    apr_socket_timeout_set(ap_get_conn_socket(c), c->base_server->timeout);
}

void egm_smtp_tls_remove_filter(conn_rec *c, const char *name)
{
    ap_filter_t *next;

    for (ap_filter_t *filter = c->input_filters; filter != NULL; filter = next) {
        next = filter->next;
        if (strcmp(filter->frec->name, name) == 0) {
            ap_remove_input_filter(filter);
        }
    }
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

apr_status_t egm_smtp_tls_begin(conn_rec *c)
{
    apr_status_t rv;

    egm_smtp_tls_limit(c);
    ap_set_module_config(c->conn_config, ssl_module, NULL); /* as if the connection were new */
    rv = ssl_pre_connection(c, ap_get_conn_socket(c)) == OK ? shake_hands(c) : APR_EGENERAL;
    egm_smtp_tls_unlimit(c);
    return rv;
}

/* ---- which virtual host ------------------------------------------------------------------------------ */

/* @param names  of const char *, or NULL */
static int is_among(const char *name, const apr_array_header_t *names,
                    int (*compare)(const char *, const char *))
{
    for (int i = 0; names != NULL && i < names->nelts; i++) {
        const char *each = APR_ARRAY_IDX(names, i, const char *);

        if (each != NULL && compare(name, each) == 0) {
            return 1;
        }
    }
    return 0;
}

/* By the same names as mod_ssl finds the certificate. @return other than 0 ends the search */
static int take_if_named(void *name, conn_rec *c, server_rec *s)
{
    if (strcasecmp(name, s->server_hostname) != 0 && !is_among(name, s->names, strcasecmp) &&
        !is_among(name, s->wild_names, ap_strcasecmp_match)) {
        return 0;
    }
    c->base_server = s;
    return 1;
}

void egm_smtp_tls_choose_server(conn_rec *c)
{
    char *name = apr_pstrdup(c->pool, ap_ssl_var_lookup(c->pool, c->base_server, c, NULL, "SSL_TLS_SNI"));

    if (name != NULL && *name != '\0') {
        ap_vhost_iterate_given_conn(c, take_if_named, name);
    }
}
