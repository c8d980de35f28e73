/*
 * SMTP connections inside httpd: those to virtual hosts with EmailGatewaySMTP.
 *
 * On the event MPM a session that waits for its client has no thread; on the
 * others it has one. What it says is smtp_session's to answer, and for what takes the
 * database that asks smtp_answers; here are the socket, TLS and time.
 */
#ifndef EGM_SMTP_LISTENER_H
#define EGM_SMTP_LISTENER_H

#include <httpd.h>

/** The hooks that connections come by. */
void egm_smtp_register(void);

#endif
