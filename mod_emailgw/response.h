/*
 * Replies: JSON with its HTTP status, errors included, also those that httpd
 * would have answered in HTML.
 */
#ifndef EGM_RESPONSE_H
#define EGM_RESPONSE_H

#include <httpd.h>

#include "command.h"

#define EGM_RETRY_AFTER "5" /* seconds after which a client may ask again where all else is well */

/** Answer a call that ran: its reply, or its errors with the status of the first. */
int egm_response_send(request_rec *r, eg_call *call);

/**
 * Let a browser show the answer to a page of another origin, where the directives
 * allow that one. Before anything else is answered.
 * @return 0 when this request's origin is not allowed, or it names none
 */
int egm_response_share(request_rec *r, const eg_limits *limits);

/** Is it the question that a browser asks before such a page's request? */
int egm_response_is_preflight(request_rec *r);

/** Answer it. @param methods  of the path, as Allow lists them */
int egm_response_preflight(request_rec *r, const char *methods);

/** Whatever the answer will be, it tells how the call's rate stands (RateLimit-...), if it was counted by one. */
void egm_response_quota(request_rec *r, const eg_call *call);

/** Answer what never reached a handler. @param status  400, 405, 413, 500 ... */
int egm_response_fail(request_rec *r, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * Have errors that httpd's filters find while the body is read answered in
 * JSON: a body over LimitRequestBody, bad chunks. Called before reading.
 */
void egm_response_watch_filters(request_rec *r);

/** What the handler returns after reading the body gave AP_FILTER_ERROR. */
int egm_response_failed_in_filter(request_rec *r);

/** Register the filter: once, with the hooks. */
void egm_response_register(void);

/** Answer a failure of ours: 503 when the database is away, else 500. @param rv see eg_command.run */
int egm_response_broken(request_rec *r, apr_status_t rv);

#endif
