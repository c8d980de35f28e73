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

#endif
