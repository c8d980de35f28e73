/* Is what is said of SMTP in the configuration of any use, and where is TLS to be had? Settled before the first client. */
#ifndef EGM_SMTP_START_H
#define EGM_SMTP_START_H

#include <httpd.h>

/** Has a virtual host EmailGatewaySMTP? */
int egm_smtp_is_on(const server_rec *s);

/**
 * Is all that is said of SMTP of any use? For ap_hook_check_config, so that httpd -t
 * tells it, too.
 * @return OK, or what stops the start, with the reason logged
 */
int egm_smtp_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *main_server);

/** After mod_ssl's post_config: where is TLS to be had? @return as egm_smtp_check */
int egm_smtp_start(server_rec *main_server);

#endif
