/*
 * A mail to a list: a short list's mails at once, a long one's by the sender.
 */
#ifndef EG_LISTSEND_H
#define EG_LISTSEND_H

#include "send.h"

/**
 * Take a mail to a list, and answer the call.
 * @param send  whole, its texts still templates; send->direct says which lists are short
 * @param subscribers  that the list has, or had a moment ago
 */
apr_status_t eg_listsend_run(eg_call *call, eg_send *send, apr_int64_t domain_id, int subscribers);

/**
 * The answer that a mail to a list had.
 * @param direct  less by its subscribers; where they are more, its JobID stands for the ids of its mails
 * @param job_id  of sql accept_list
 * @return EG_DB_UNKNOWN whenever it cannot be told: "Nothing was carried out" would be wrong
 */
apr_status_t eg_listsend_answer(eg_call *call, eg_direct *direct, const char *job_id);

#endif
