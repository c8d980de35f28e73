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

/** @name For one whose template was read with others (templates.h) */
/** @{ */

/**
 * Fill a mail that has a template, and goes to no list, in as eg_templated_run does; faults go to call->errors.
 * @param rows  of sql get_batch_templates
 * @param row  its template
 */
void eg_templated_fill(eg_call *call, eg_mail *mail, const eg_rows *rows, int row);

/**
 * One with faults may have been taken before under its Idempotency-Key, with template and domain as they
 * were then: the call is answered so, in place of its errors.
 */
apr_status_t eg_templated_replay(eg_call *call, eg_send *send);

/** @} */

#endif
