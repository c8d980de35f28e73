/*
 * request_rec -> eg_call: size cap, body, query string, JSON, form or multipart
 * -> arguments.
 */
#ifndef EGM_REQUEST_H
#define EGM_REQUEST_H

#include <httpd.h>

#include "command.h"

/**
 * Read a request whole and set the request part of call.
 * @param status  what the handler returns when the call could not be made: the
 *        answer (400, 413 in JSON) is out, or httpd's own status stands
 * @return 0 then
 */
int egm_request_read(eg_call *call, int *status, request_rec *r, const eg_limits *limits);

#endif
