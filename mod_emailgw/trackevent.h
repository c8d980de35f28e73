/*
 * What a recipient has done with a mail: into the database, or into a line of the spool
 * and from there into the database when it is back.
 */
#ifndef EG_TRACKEVENT_H
#define EG_TRACKEVENT_H

#include "db.h"
#include "eventtype.h"
#include "tracktoken.h"

#define EG_TRACKEVENTS_MAX 200 /* of one call */

typedef struct {
    const char *event_id; /* UUIDv7: the same one is recorded once */
    eg_track_mail mail;
    eg_eventtype type; /* open, click or unsubscribe */
    apr_time_t at;
    int machine;        /* by what the request says */
    const char *detail; /* a JSON object: ip, ua, url */
} eg_trackevent;

/** What came with a request. @param url  of a click, else NULL */
const char *eg_trackevent_detail(const char *ip, const char *agent, const char *url, apr_pool_t *pool);

/**
 * Into the database, together with what other threads bring at this moment. Clicks and
 * unsubscribes are on disk then.
 * @param known  is there such a mail still? If not, nothing was recorded
 * @return as eg_db_call; it may be repeated
 */
apr_status_t eg_trackevent_record(int *known, const eg_trackevent *event, eg_db *db);

/** At most EG_TRACKEVENTS_MAX of them, in one transaction. @param known  as above, one each */
apr_status_t eg_trackevents_record(int *known, const eg_trackevent *events, int count, eg_db *db);

/** A line of the spool: a JSON object and a line feed. */
const char *eg_trackevent_line(const eg_trackevent *event, apr_pool_t *pool);

/**
 * And back.
 * @param length  without the line feed
 * @return APR_EINVAL for what eg_trackevent_line does not make
 */
apr_status_t eg_trackevent_parse(eg_trackevent *event, const char *line, apr_size_t length, apr_pool_t *pool);

#endif
