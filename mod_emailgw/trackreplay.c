/* What waited in the spool, into the database. */
#include "trackreplay.h"

#include <string.h>

#include "trackevent.h"

/** Lines on their way. */
typedef struct {
    eg_db *db;
    apr_pool_t *pool;
    eg_trackevent events[EG_TRACKEVENTS_MAX];
    int count;
    apr_status_t rv; /* APR_EINVAL when any was refused */
    int recorded, broken;
} replay;

static int can_go_on(const replay *all)
{
    return all->rv == APR_SUCCESS || all->rv == APR_EINVAL;
}

/* What the database refuses holds up nothing else. */
static void record_one_by_one(replay *all)
{
    for (int i = 0; i < all->count && can_go_on(all); i++) {
        int known;
        apr_status_t rv = eg_trackevent_record(&known, &all->events[i], all->db);

        if (rv == EG_DB_REFUSED) {
            all->rv = APR_EINVAL;
        }
        else if (rv != APR_SUCCESS) {
            all->rv = rv;
        }
        else {
            all->recorded++;
        }
    }
}

static void flush(replay *all)
{
    apr_status_t rv = all->count > 0 ? eg_trackevents_record(all->events, all->count, all->db) : APR_SUCCESS;

    if (rv == EG_DB_REFUSED || rv == EG_DB_NO_PARTITION) {
        record_one_by_one(all);
    }
    else if (rv != APR_SUCCESS) {
        all->rv = rv;
    }
    else {
        all->recorded += all->count;
    }
    all->count = 0;
}

static void take_line(replay *all, const char *line, apr_size_t length)
{
    if (eg_trackevent_parse(&all->events[all->count], line, length, all->pool) == APR_SUCCESS) {
        all->count++;
    }
    else {
        all->broken++;
    }
    if (all->count == EG_TRACKEVENTS_MAX) {
        flush(all);
    }
}

/* Once a file: what is tried again was told of before. */
static void log_end(replay *all)
{
    if (all->broken > 0) {
        eg_log_at(all->db->log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0172) "the spool has %d lines that cannot be read", all->broken);
        all->rv = APR_EINVAL;
    }
    eg_log_at(all->db->log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0173) "%d clicks, opens and unsubscribes have come from the spool into the database",
              all->recorded);
}

apr_status_t eg_trackreplay(const char *text, apr_size_t length, eg_db *db, apr_pool_t *pool)
{
    replay *all = apr_pcalloc(pool, sizeof *all);
    const char *end = text + length;

    all->db = db;
    all->pool = pool;
    while (text < end && can_go_on(all)) {
        const char *line_end = memchr(text, '\n', (apr_size_t)(end - text));

        take_line(all, text, (apr_size_t)(line_end - text));
        text = line_end + 1;
    }
    if (can_go_on(all)) {
        flush(all);
    }
    if (can_go_on(all)) {
        log_end(all);
    }
    return all->rv;
}
