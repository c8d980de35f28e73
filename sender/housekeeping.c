/*
 * Partitions made in time, old ones dropped: now and then, by one sender.
 */
#include <string.h>

#include "housekeeping.h"

#define INTERVAL apr_time_from_sec(60)
#define INTERVAL_AWAY apr_time_from_sec(1) /* while the database does not answer */

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
    return INTERVAL;
}

void egs_housekeeping_run(egs_control *control, const char *dsn)
{
    eg_log log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO);
    apr_interval_time_t interval = INTERVAL_AWAY;
    apr_pool_t *pool, *round;
    int checked = 0; /* durability: once */
    eg_db *db;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return;
    }
    db = eg_db_dedicated(dsn, &log, pool);
    do {
        egs_settings *settings = egs_control_take(control);

        log.level = settings->options->log_level;
        if (apr_pool_create(&round, pool) == APR_SUCCESS) {
            if (!checked) {
                checked = check_durability(eg_db_with_pool(db, round), &log) == APR_SUCCESS;
            }
            interval = run_round(control, eg_db_with_pool(db, round), settings->options, &log);
            apr_pool_destroy(round);
        }
        egs_control_give(control, settings);
    } while (!egs_control_sleep(control, interval));
    apr_pool_destroy(pool);
}
