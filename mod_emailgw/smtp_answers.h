/*
 * What an SMTP session asks its host for, answered by the database: who may log
 * in, who receives bounces, and the mail itself, into the queue.
 */
#ifndef EGM_SMTP_ANSWERS_H
#define EGM_SMTP_ANSWERS_H

#include <httpd.h>

#include "config.h"
#include "smtp_session.h"
#include "smtp_submit.h"

/** Who is at the other end of a connection; lives in its pool. */
typedef struct {
    conn_rec *c;
    const egm_server_config *config;
    eg_smtp_mode mode;
    apr_bucket_brigade *out; /* what the session says; sent by the host */
    eg_log log;              /* set by egm_smtp_answers_init */
    eg_smtp_login login;     /* of who has logged in */
} egm_smtp_client;

/** Set all of a handler. @param client  all but log and login is set; lives as long as the session */
void egm_smtp_answers_init(eg_smtp_handler *handler, egm_smtp_client *client);

#endif
