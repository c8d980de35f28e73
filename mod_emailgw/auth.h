/*
 * The key of a call -> the account that it acts for.
 */
#ifndef EG_AUTH_H
#define EG_AUTH_H

#include "command.h"

/**
 * Find the sender key (Authorization before SenderAPIKey), take it out of the
 * arguments, and set account_id and key_hash. Whether the key is a good one is
 * for the database to say, in the call that uses it.
 * @return 0, with the error noted, when there is none or it cannot be one
 */
int eg_auth_sender_key(eg_call *call);

#endif
