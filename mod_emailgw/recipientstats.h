/*
 * What became of mails to the domains of their recipients, as the API shows it.
 */
#ifndef EG_RECIPIENTSTATS_H
#define EG_RECIPIENTSTATS_H

#include "command.h"

/**
 * Ask for a domain's mails of StartDate and EndDate, and note what is wrong:
 * EG_E_END_DATE, 2, EG_E_TOO_BROAD.
 * @param rows  of recipient_stats: set where call->errors has none
 * @param recipient_domain  this one alone; NULL: count of them from start on
 */
apr_status_t eg_recipientstats_find(eg_rows **rows, eg_call *call, const char *recipient_domain,
                                    apr_int64_t start, apr_int64_t count);

/** {"RecipientDomain", "Sent", ...} of a row. @return the caller owns it */
json_t *eg_recipientstats_json(const eg_rows *rows, int row);

#endif
