/* What waited in the spool, into the database. */
#include "trackreplay.h"

#include <string.h>

#include "trackevent.h"

/** Lines on their way. */
typedef struct {
    eg_db *db;
    apr_pool_t *pool;
    apr_size_t length; /* of all lines */
    eg_trackevent events[EG_TRACKEVENTS_MAX];
    const char *lines[EG_TRACKEVENTS_MAX]; /* where each begins */
    int count;
    apr_status_t rv; /* APR_EINVAL when any was refused */
    int recorded, broken;
    eg_trackunknown *unknown;
    char *copies; /* its text */
} replay;

static int can_go_on(const replay *all)
{
    return all->rv == APR_SUCCESS || all->rv == APR_EINVAL;
}

static void note_unknown(replay *all, int i)
{
    eg_trackunknown *unknown = all->unknown;
    apr_size_t length = strcspn(all->lines[i], "\n") + 1;

    if (all->copies == NULL) {
        all->copies = apr_palloc(all->pool, all->length);
    }
    memcpy(all->copies + unknown->length, all->lines[i], length);
    unknown->text = all->copies;
    unknown->length += length;
    unknown->count++;
    unknown->unsubscribes += all->events[i].type == EG_EVENT_UNSUBSCRIBE;
}

static void note(replay *all, int i, int known)
{
    if (known) {
        all->recorded++;
    }
    else {
        note_unknown(all, i);
    }
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
            note(all, i, known);
        }
    }
}

static void flush(replay *all)
{
    int known[EG_TRACKEVENTS_MAX];
    apr_status_t rv =
        all->count > 0 ? eg_trackevents_record(known, all->events, all->count, all->db) : APR_SUCCESS;

    if (rv == EG_DB_REFUSED || rv == EG_DB_NO_PARTITION) {
        record_one_by_one(all);
    }
    else if (rv != APR_SUCCESS) {
        all->rv = rv;
    }
    else {
        for (int i = 0; i < all->count; i++) {
            note(all, i, known[i]);
        }
    }
    all->count = 0;
}

static void take_line(replay *all, const char *line, apr_size_t length)
{
    if (eg_trackevent_parse(&all->events[all->count], line, length, all->pool) == APR_SUCCESS) {
        all->lines[all->count++] = line;
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
    if (all->recorded > 0) {
        eg_log_at(
            all->db->log, EG_LOG_INFO, APR_SUCCESS,
            EGLOGNO(0173) "%d clicks, opens and unsubscribes have come from the spool into the database",
            all->recorded);
    }
}

apr_status_t eg_trackreplay(eg_trackunknown *unknown, const char *text, apr_size_t length, eg_db *db,
                            apr_pool_t *pool)
{
    replay *all = apr_pcalloc(pool, sizeof *all);
    const char *end = text + length;

    all->db = db;
    all->pool = pool;
    all->length = length;
    all->unknown = unknown;
    *unknown = (eg_trackunknown){ 0 };
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
