/*
 * Links of tracked mails: the open pixel, clicks, unsubscribes.
 */
#ifndef EGM_TRACKING_H
#define EGM_TRACKING_H

#include <httpd.h>

#include "command.h"

/** Is this path of a request one of a link? */
int egm_tracking_owns(const request_rec *r, const char *path);

/** Answer it. @return as a handler */
int egm_tracking_answer(request_rec *r, eg_call *call, const char *path);

/** Make the spool, and have it read: in post_config, after the checks of the configuration. @return OK or a failure */
int egm_tracking_start(apr_pool_t *pool, server_rec *main_server);

/** What a child needs of its own: for ap_hook_child_init, before mod_watchdog's. */
void egm_tracking_child_init(apr_pool_t *pool, server_rec *s);

#endif
