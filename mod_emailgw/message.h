/*
 * One message of the queue or the past, for the commands of both families that name it.
 */
#ifndef EG_MESSAGE_H
#define EG_MESSAGE_H

#include "command.h"

/** @name MessageID alone, for the commands of /api.php */
/** @{ */
extern const eg_param eg_message_params[];
extern const eg_fault eg_message_faults[];
/** @} */

/** A message id as an argument of SQL: what is none becomes one that no message has. @param text  may be NULL */
eg_dbarg eg_message_id(const char *text);

/** Whose messages may be asked for: those of the sender key's domain, or all of the account. */
eg_dbarg eg_message_owner(const eg_call *call, eg_surface surface);

/**
 * Look a message up, its newest events with it.
 * @param rows  one at least, of sql get_message
 */
apr_status_t eg_message_get(eg_rows **rows, eg_call *call, eg_surface surface, const char *message_id);

/** As the API shows what eg_message_get has found; the caller owns it. */
json_t *eg_message_json(const eg_rows *rows, eg_surface surface, apr_pool_t *pool);

/** Cancel what of a message waits. @param rows  one, of sql cancel_message */
apr_status_t eg_message_cancel(eg_rows **rows, eg_call *call, eg_surface surface, const char *message_id);

/** As the API shows what eg_message_cancel has done; the caller owns it. */
json_t *eg_message_cancelled(const eg_rows *rows);

/** Of EG_SURFACE_V1: give the reason of a status other than 0 of find_message (sql). */
void eg_message_refuse(eg_call *call, int status);

#endif
