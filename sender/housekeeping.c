/*
 * Partitions made in time, old ones dropped: now and then, by one sender. What
 * was cut off of a queue ends as cancelled, and people are erased: soon, by any.
 */
#include <string.h>

#include "erasing.h"
#include "housekeeping.h"
#include "job.h"
#include "rounds.h"

#define INTERVAL apr_time_from_sec(60)
#define INTERVAL_AWAY apr_time_from_sec(1) /* while the database does not answer, or has more to purge */
#define PURGE_BATCH 20000                  /* rows: as many of one kind go in a round */
#define SWEEP_INTERVAL apr_time_from_sec(1)
#define SWEEP_BATCH 500 /* mails */

typedef struct {
    egs_control *control;
    int checked; /* durability: once */
    apr_time_t next_round;
} housekeeping;

/* What was accepted and what was sent must outlive a crash: where it may not, an admin should know. */
static apr_status_t check_durability(eg_db *db, const eg_log *log)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "durability", NULL, 0);

    if (rv == APR_SUCCESS && strcmp(eg_rows_text(rows, 0, "durability"), "ok") != 0) {
        eg_log_at(log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0314) "a crash of the database can lose what it has committed: %s",
                  eg_rows_text(rows, 0, "durability"));
    }
    return rv;
}

/* @return how long until the next round */
static apr_interval_time_t run_round(egs_control *control, eg_db *db, const egs_options *options,
                                     const eg_log *log)
{
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, db, EG_DB_REPEATABLE, "housekeeping",
                   EG_DB_ARGS(eg_db_int(options->message_retention), eg_db_int(options->event_retention)));

    /* A database that is away is the workers' to tell. */
    if (rv != APR_SUCCESS && rv != EG_DB_REFUSED) {
        return INTERVAL_AWAY;
    }
    egs_control_ready(control, log);
    if (rv == APR_SUCCESS &&
        (eg_rows_int(rows, 0, "made") || eg_rows_int(rows, 0, "dropped") || eg_rows_int(rows, 0, "purged"))) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0350) "housekeeping: %d partitions made, %d dropped, %ld old rows removed",
                  (int)eg_rows_int(rows, 0, "made"), (int)eg_rows_int(rows, 0, "dropped"),
                  (long)eg_rows_int(rows, 0, "purged"));
    }
    return rv == APR_SUCCESS && eg_rows_int(rows, 0, "purged") >= PURGE_BATCH ? INTERVAL_AWAY : INTERVAL;
}

/*
 * A batch of what was cut off.
 * @return how long until the next one: as long as this one took, so that the
 *         database has as much time for mails to be sent
 */
static apr_interval_time_t sweep(eg_db *db, const eg_log *log)
{
    apr_time_t start = egs_clock();
    eg_rows *rows;
    int count;

    if (eg_db_call(&rows, db, EG_DB_REPEATABLE, "sweep_cancelled", EG_DB_ARGS(eg_db_int(SWEEP_BATCH))) !=
        APR_SUCCESS) {
        return SWEEP_INTERVAL;
    }
    count = (int)eg_rows_int(rows, 0, "sweep_cancelled");
    if (!count) {
        return SWEEP_INTERVAL;
    }
    eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0370) "%d mails cancelled: their domain's queue was cut off", count);
    return egs_clock() - start;
}

static apr_interval_time_t work(void *baton, eg_db *db, const egs_settings *settings, const eg_log *log)
{
    housekeeping *due = baton;
    apr_interval_time_t pause, erasing;

    if (!due->checked) {
        due->checked = check_durability(db, log) == APR_SUCCESS;
    }
    if (egs_clock() >= due->next_round) {
        due->next_round = egs_clock() + run_round(due->control, db, settings->options, log);
    }
    pause = sweep(db, log);
    erasing = egs_erase_some(db, settings->secret, log);
    return erasing < pause ? erasing : pause;
}

void egs_housekeeping_run(egs_control *control, const char *dsn)
{
    housekeeping due = { .control = control };

    egs_rounds_run(control, dsn, work, &due, INTERVAL_AWAY);
}
