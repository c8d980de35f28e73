/*
 * What recipients did while the database was away: written down in
 * EmailGatewayTrackingSpool, and brought into the database when it is back.
 */
#ifndef EGM_TRACKSPOOL_H
#define EGM_TRACKSPOOL_H

#include <httpd.h>

#include "trackevent.h"

/**
 * Write down an event of a request. Clicks and unsubscribes are on disk then.
 * @return other than APR_SUCCESS: it is lost
 */
apr_status_t egm_trackspool_add(const eg_trackevent *event, request_rec *r, const eg_log *log);

/** For ap_hook_check_config: whether the spool can be made, or is one. Makes nothing. @return OK or a failure */
int egm_trackspool_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *scratch,
                         server_rec *main_server);

/** Make the spool, and have it read: in post_config, after the checks of the configuration. @return OK or a failure */
int egm_trackspool_start(apr_pool_t *pool, server_rec *main_server);

/** What a child needs of its own: for ap_hook_child_init, before mod_watchdog's. */
void egm_trackspool_child_init(apr_pool_t *pool, server_rec *s);

#endif
