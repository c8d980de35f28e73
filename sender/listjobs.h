/*
 * Mails to lists that are too long for their mails to be made with the request.
 */
#ifndef EGS_LISTJOBS_H
#define EGS_LISTJOBS_H

#include "control.h"

/**
 * Until the sender is to stop: take the list job whose turn it is, make the mails of its next
 * subscribers, and store them together with how far it has come. To be called on a thread of its own.
 * @param dsn  for the connection of this thread
 */
void egs_listjobs_run(egs_control *control, const char *dsn);

#endif
