/*
 * Mails with a template, and mails to a list.
 */
#ifndef EG_TEMPLATED_H
#define EG_TEMPLATED_H

#include "send.h"

/**
 * Fill a mail with a template in, so that accept() can take it; send one to a list. A mail
 * with neither is left as it is.
 * @param done  set where the call is answered: by an error, as it was before, or the list's
 * @param send  as eg_send_read left it, without errors
 */
apr_status_t eg_templated_run(int *done, eg_call *call, eg_send *send);

#endif
