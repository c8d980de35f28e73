/*
 * The module's name and log, for the files that talk to httpd.
 */
#ifndef MOD_EMAILGW_H
#define MOD_EMAILGW_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "log.h"

extern module AP_MODULE_DECLARE_DATA emailgw_module;
APLOG_USE_MODULE(emailgw);

/** The path as the client asked for it: later hooks see what rewrites made of it. "" before it is known. */
const char *egm_path_of_request(const request_rec *r);

/** httpd's name for a level of ours: APLOG_ERR .. APLOG_DEBUG. */
int egm_log_level(eg_log_level level);

#endif
