/*
 * TLS that begins in the middle of a connection (RFC 3207), done by mod_ssl with the
 * virtual host's own certificates.
 *
 * mod_ssl has no function for this. But its hook that sets up a new connection does
 * all there is to do when it is called later: so it is kept from doing so at the
 * begin, and called when the client asks for TLS. Whether all that is there is
 * checked at start; without it STARTTLS is not offered.
 */
#ifndef EGM_SMTP_TLS_H
#define EGM_SMTP_TLS_H

#include <httpd.h>

/** Learn which servers have TLS: to be called when hooks are registered. */
void egm_smtp_tls_register(void);

/**
 * Look for what is needed of mod_ssl: once, in post_config.
 * @return 0 when STARTTLS cannot be had
 */
int egm_smtp_tls_find(void);

/** Has this server certificates? Known after mod_ssl's post_config. */
int egm_smtp_tls_has(const server_rec *s);

/** In pre_connection, before mod_ssl: this one stays plain for now. */
void egm_smtp_tls_hold(conn_rec *c);

/**
 * From here on all that is read must come within 10 seconds: no client may keep a
 * thread with a handshake that has no end.
 */
void egm_smtp_tls_limit(conn_rec *c);
void egm_smtp_tls_unlimit(conn_rec *c);

/** The handshake. @return other than APR_SUCCESS: the connection is of no use any more */
apr_status_t egm_smtp_tls_begin(conn_rec *c);

/**
 * Under TLS: of the virtual hosts of its address the one that the client asked for by
 * name (SNI) is the connection's from now on, as for HTTP. Without a name, or with one
 * that none has, it stays with the first.
 */
void egm_smtp_tls_choose_server(conn_rec *c);

/** Take an input filter of this name, in lower case, off a connection. */
void egm_smtp_tls_remove_filter(conn_rec *c, const char *name);

#endif
