/*
 * SMTP connections inside httpd: those to virtual hosts with EmailGatewaySMTP.
 *
 * On the event MPM a session that waits for its client has no thread; on the
 * others it has one. What it says is smtp_session's to answer; here are the
 * socket, TLS, time and the database.
 */
#ifndef EGM_SMTP_LISTENER_H
#define EGM_SMTP_LISTENER_H

#include <httpd.h>

/** The hooks that connections come by. */
void egm_smtp_register(void);

/**
 * Is all that is said of SMTP of any use? For ap_hook_check_config, so that httpd -t
 * tells it, too.
 * @return OK, or what stops the start, with the reason logged
 */
int egm_smtp_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *main_server);

/** After mod_ssl's post_config: where is TLS to be had? @return as egm_smtp_check */
int egm_smtp_start(server_rec *main_server);

#endif
