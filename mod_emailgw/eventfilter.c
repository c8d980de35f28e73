/*
 * Which events a command is about, as its parameters say it.
 */
#include "eventfilter.h"

#include <apr_strings.h>

#include "eventtype.h"

/* Event and what the search box says of events: both must hold. */
static int wanted_type(eg_call *call, const eg_eventquery *query)
{
    const char *name = eg_param_text(call, "Event");
    int type = 0;

    if (name != NULL && *name != '\0') {
        type = (int)eg_eventtype_parse(name);
        if (type == 0) {
            eg_errors_add(&call->errors, EG_E_EVENT, "Invalid parameter 'Event': it must be one of %s",
                          eg_eventtype_list());
        }
    }
    if (query->nothing || (type != 0 && query->type != 0 && query->type != type)) {
        return EG_EVENT_NONE;
    }
    return type != 0 ? type : query->type;
}

/* Two arrays for SQL: the numbers of the terms' fields, and their texts. */
static void add_terms(eg_eventfilter *filter, const eg_eventquery *query, apr_pool_t *pool)
{
    const char **field = apr_pcalloc(pool, sizeof *field * EG_EVENTQUERY_TERMS_MAX);
    const char **text = apr_pcalloc(pool, sizeof *text * EG_EVENTQUERY_TERMS_MAX);

    for (int i = 0; i < query->count; i++) {
        field[i] = apr_itoa(pool, (int)query->terms[i].field);
        text[i] = query->terms[i].text;
    }
    filter->fields = eg_db_texts(field, (apr_size_t)query->count);
    filter->texts = eg_db_texts(text, (apr_size_t)query->count);
}

void eg_eventfilter_read(eg_eventfilter *filter, eg_call *call)
{
    const char *text = eg_param_text(call, "Query"), *problem;
    eg_eventquery query;
    int type;

    eg_event_check_period(call);
    if (eg_eventquery_parse(&query, &problem, text != NULL ? text : "", call->pool) != APR_SUCCESS) {
        eg_errors_add(&call->errors, EG_E_QUERY, "Invalid parameter 'Query': %s", problem);
    }
    type = wanted_type(call, &query);
    filter->type = type != 0 ? eg_db_int(type) : eg_db_text(NULL);
    filter->message_id = eg_db_text(query.message_id);
    add_terms(filter, &query, call->pool);
}
