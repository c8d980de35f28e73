#include "dbgate.h"

#include <apr_thread_mutex.h>

#include "clock.h"

#define PAUSE_MAX apr_time_from_sec(1)

struct eg_dbgate {
    apr_thread_mutex_t *mutex, *door;
    apr_time_t answered; /* when it did last; atomic */
    int is_away;         /* atomic; set under the mutex, and so is what follows */
    int is_probed;
    apr_time_t next; /* when it may be asked again */
};

apr_status_t eg_dbgate_make(eg_dbgate **gate, apr_pool_t *pool)
{
    apr_status_t rv;

    *gate = apr_pcalloc(pool, sizeof **gate);
    rv = apr_thread_mutex_create(&(*gate)->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    return rv != APR_SUCCESS ? rv : apr_thread_mutex_create(&(*gate)->door, APR_THREAD_MUTEX_TIMED, pool);
}

static int is_away(const eg_dbgate *gate)
{
    return __atomic_load_n(&gate->is_away, __ATOMIC_RELAXED);
}

int eg_dbgate_enter(eg_dbpass *pass, eg_dbgate *gate)
{
    int may = 1;

    *pass = (eg_dbpass){ eg_clock(), 0 };
    if (!is_away(gate)) {
        return 1;
    }
    apr_thread_mutex_lock(gate->mutex);
    if (is_away(gate)) {
        may = !gate->is_probed && pass->began >= gate->next;
        pass->is_probe = may;
        gate->is_probed |= may;
    }
    apr_thread_mutex_unlock(gate->mutex);
    return may;
}

int eg_dbgate_open(eg_dbgate *gate, const eg_dbpass *pass)
{
    if (apr_thread_mutex_timedlock(gate->door, EG_DBGATE_PATIENCE) != APR_SUCCESS) {
        return 0;
    }
    if (pass->is_probe || !is_away(gate)) {
        return 1;
    }
    eg_dbgate_shut(gate);
    return 0;
}

void eg_dbgate_shut(eg_dbgate *gate)
{
    apr_thread_mutex_unlock(gate->door);
}

/* Half of the time at most somebody waits for it: one that refuses at once is asked again soon. */
static void put_off(eg_dbgate *gate, const eg_dbpass *pass)
{
    apr_time_t now = eg_clock();
    apr_interval_time_t pause = now - pass->began;

    gate->next = now + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
}

static void set_away(eg_dbgate *gate, int to)
{
    __atomic_store_n(&gate->is_away, to, __ATOMIC_RELAXED);
}

int eg_dbgate_leave(eg_dbgate *gate, const eg_dbpass *pass, eg_dbgate_end end)
{
    int was;

    if (end == EG_DBGATE_ANSWERED) {
        __atomic_store_n(&gate->answered, eg_clock(), __ATOMIC_RELAXED);
    }
    /* Of silence that began before the last answer nothing is to be learnt. */
    else if (end == EG_DBGATE_SILENT && pass->began < __atomic_load_n(&gate->answered, __ATOMIC_RELAXED)) {
        end = EG_DBGATE_UNTOLD;
    }
    if (!pass->is_probe && end != EG_DBGATE_SILENT && !is_away(gate)) {
        return 0;
    }
    apr_thread_mutex_lock(gate->mutex);
    was = is_away(gate);
    if (end == EG_DBGATE_ANSWERED) {
        set_away(gate, 0);
    }
    else if (end == EG_DBGATE_SILENT) {
        set_away(gate, 1);
        if (!was || pass->is_probe) {
            put_off(gate, pass);
        }
    }
    if (pass->is_probe) {
        gate->is_probed = 0;
    }
    was = is_away(gate) - was;
    apr_thread_mutex_unlock(gate->mutex);
    return was;
}
