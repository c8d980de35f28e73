/*
 * Mail that comes back by SMTP: to return paths of this gateway, and to nothing else.
 */
#ifndef EG_SMTP_RETURNED_H
#define EG_SMTP_RETURNED_H

#include "smtp_submit.h"

/** Is it a valid return path of this gateway? By its token and MAC alone: no look-up. */
int eg_smtp_return_path_valid(const eg_secret *secret, const char *address, apr_pool_t *pool);

/**
 * A returned mail onto disk, for the sender to read.
 * @param reply  250 once it is there, or a 4xx
 * @return other than APR_SUCCESS when it could not be kept, already logged; there is no reply then
 */
apr_status_t eg_smtp_returned(eg_smtp_reply *reply, eg_call *call, const eg_smtp_envelope *envelope,
                              eg_bytes message);

#endif
