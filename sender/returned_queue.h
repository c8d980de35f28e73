/*
 * Mails that httpd took at return paths: read, recorded, dropped.
 */
#ifndef EGS_RETURNED_QUEUE_H
#define EGS_RETURNED_QUEUE_H

#include "control.h"

/**
 * Until the sender is to stop: claim mails that came back, read them, record what
 * they say. A mail is dropped by the transaction that records it: what a sender has
 * in hand when it dies comes to another one when its lease ends. To be called on a
 * thread of its own.
 * @param dsn  for the connection of this thread
 */
void egs_returned_queue_run(egs_control *control, const char *dsn);

#endif
