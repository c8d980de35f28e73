#include "rounds.h"

#define MEMORY_KEPT (1024 * 1024) /* bytes: what one large round took goes back to the system */

static apr_interval_time_t run_one(egs_control *control, egs_round round, void *baton, eg_db *db, eg_log *log)
{
    egs_settings *settings = egs_control_take(control);
    apr_interval_time_t pause;

    log->level = settings->options->log_level;
    pause = round(baton, db, settings, log);
    egs_control_give(control, settings);
    return pause;
}

void egs_rounds_run(egs_control *control, const char *dsn, egs_round round, void *baton,
                    apr_interval_time_t away)
{
    eg_log log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO);
    apr_interval_time_t pause = away;
    apr_pool_t *pool, *scratch;
    eg_db *db;

    if (apr_pool_create_unmanaged_ex(&pool, NULL, NULL) != APR_SUCCESS) {
        return;
    }
    apr_allocator_max_free_set(apr_pool_allocator_get(pool), MEMORY_KEPT);
    db = eg_db_dedicated(dsn, EG_DB_MIGRATION, &log, pool);
    do {
        if (apr_pool_create(&scratch, pool) == APR_SUCCESS) {
            pause = run_one(control, round, baton, eg_db_with_pool(db, scratch), &log);
            apr_pool_destroy(scratch);
        }
    } while (!egs_control_sleep(control, pause));
    apr_pool_destroy(pool);
}
