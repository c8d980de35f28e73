/*
 * Which events a command is about, as its parameters StartDate, EndDate, Event and
 * Query say it.
 */
#ifndef EG_EVENTFILTER_H
#define EG_EVENTFILTER_H

#include "event.h"
#include "eventquery.h"

/** As get_events and export_events take it, beside the days. */
typedef struct {
    eg_dbarg type, message_id, fields, texts;
} eg_eventfilter;

/** What is wrong with the parameters goes to call->errors; then filter is of no use. */
void eg_eventfilter_read(eg_eventfilter *filter, eg_call *call);

#endif
