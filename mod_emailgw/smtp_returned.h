/*
 * Mail that comes back by SMTP: to return paths of this gateway, and to nothing else.
 */
#ifndef EG_SMTP_RETURNED_H
#define EG_SMTP_RETURNED_H

#include "smtp_submit.h"

/**
 * Is it one that leads here: valid, and at the host of the domain that the mail was
 * sent from? One call of the database, and only for what is valid.
 * @param call   pool, db and secret are read
 * @param known  1 also where the mail is no longer stored: what comes is taken and dropped
 * @return other than APR_SUCCESS when the database could not say, already logged: 451
 */
apr_status_t eg_smtp_return_path_known(int *known, eg_call *call, const char *address);

/**
 * A returned mail onto disk, for the sender to read: its first EG_RETURNED_SIZE bytes.
 * A client that hears nothing may send it again: it is recorded once.
 * @param call   pool, db, log and secret are read
 * @param reply  250 once it is committed; 452 while too many wait; 550 where no recipient is known
 * @return other than APR_SUCCESS when it could not be kept, already logged; there is no reply then
 */
apr_status_t eg_smtp_returned(eg_smtp_reply *reply, eg_call *call, const eg_smtp_envelope *envelope,
                              eg_bytes message);

#endif
