/*
 * The documented date forms <-> UTC apr_time_t.
 */
#ifndef EG_DATETIME_H
#define EG_DATETIME_H

#include "eg.h"

/**
 * Unix seconds ("1617235200"), "YYYY-MM-DD HH:MM:SS" and "YYYY-MM-DD" (UTC),
 * ISO 8601 / RFC 3339 ("2026-01-31T08:00:00Z"; fraction and offset allowed,
 * without an offset it is UTC). Years 1970 to 9999; dates that do not exist are
 * refused. A leap second is the first second of the next day.
 * @return APR_EINVAL
 */
apr_status_t eg_datetime_parse(apr_time_t *time, const char *text);

/** "2026-01-31" and no other form: a day, which is no moment. */
int eg_datetime_is_day(const char *text);

#define EG_DATETIME_SIZE 28
/** RFC 3339 in UTC with microseconds where they are not 0: "2026-01-31T08:00:00Z". */
const char *eg_datetime_format(char buffer[EG_DATETIME_SIZE], apr_time_t time);

#define EG_DATETIME_MAIL_SIZE 32
/** RFC 5322 section 3.3, in UTC: "Sat, 31 Jan 2026 08:00:00 +0000", for "GMT" is obsolete there. */
const char *eg_datetime_format_mail(char buffer[EG_DATETIME_MAIL_SIZE], apr_time_t time);

#endif
