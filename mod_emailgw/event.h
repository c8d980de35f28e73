/*
 * Events as the API shows them, the same for both families of commands, each in
 * its own words.
 */
#ifndef EG_EVENT_H
#define EG_EVENT_H

#include "command.h"

/**
 * The event of a row of get_sender_events or get_events.
 * @return the caller owns it
 */
json_t *eg_event_json(const eg_rows *rows, int row, eg_surface surface, apr_pool_t *pool);

/** A jsonb column, owned by the pool; NULL where it is SQL NULL. */
json_t *eg_event_column(const eg_rows *rows, int row, const char *column, apr_pool_t *pool);

/** StartDate and EndDate, two EG_DAYs: an end before the start goes to call->errors as EG_E_END_DATE. */
void eg_event_check_period(eg_call *call);

/**
 * What a function of the database makes of the events of a period, StartDate to EndDate,
 * once that is checked.
 * @param rows  NULL where something has gone to call->errors, here or before: the call is answered
 * @return as eg_db_call
 */
apr_status_t eg_event_sum_up(eg_rows **rows, eg_call *call, const char *function, const eg_dbarg *args,
                             apr_size_t count);

/**
 * After: the id of an event, whose page begins where that event is. What is none, or
 * comes with a StartFrom, goes to call->errors as EG_E_AFTER.
 * @param value  the argument; NULL or empty text: there is none
 * @param start  StartFrom
 * @return the id, or NULL
 */
const char *eg_event_after(eg_call *call, const json_t *value, apr_int64_t start);

/**
 * The status that a function which reads events has in its first row: no domain (the command's
 * 2), or more events than one call may read (EG_E_TOO_BROAD), goes to call->errors.
 * @param count  the column that says how many events there are to be read
 * @return 1 where the rows are the answer, else 0
 */
int eg_event_judge(eg_call *call, const eg_rows *rows, const char *count);

#endif
