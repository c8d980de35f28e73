/*
 * The thread that posts webhooks.
 */
#ifndef EGS_WEBHOOK_H
#define EGS_WEBHOOK_H

#include "control.h"

/**
 * Until the sender is to stop: claim, sign, post, record, all of it beside each
 * other. What has begun then is finished and recorded, the rest given back. To
 * be called on a thread of its own.
 */
void egs_webhook_run(egs_control *control, const char *dsn);

#endif
