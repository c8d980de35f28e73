/*
 * The credentials of a call -> the account that it acts for.
 */
#ifndef EG_AUTH_H
#define EG_AUTH_H

#include "command.h"

/**
 * Find what the route asks for, take it out of the arguments, and set
 * account_id. A sender key (Authorization before SenderAPIKey) is only looked
 * at by its form: whether it is a good one is for the database to say, in the
 * call that uses it. SessionID and APIKey are checked here, in a call of their own.
 * The rates (ratelimit.h) are asked before the database is.
 * call->errors says what is wrong with them, alone.
 * @return other than APR_SUCCESS when the database could not say, already logged
 */
apr_status_t eg_authorize(eg_call *call, eg_authority authority);

/** The call was answered, and not with an error: a sender key that it came with is a good one. */
void eg_authorized(eg_call *call, eg_authority authority);

#endif
