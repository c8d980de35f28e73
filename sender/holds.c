/* Lanes whose mails no thread of this process claims for some time. */
#include <apr_thread_mutex.h>

#include "holds.h"
#include "job.h"

#define COUNT_MAX 1024 /* a claim looks at all of them; a lane beyond is claimed, and its mails given back */

struct egs_holds {
    apr_thread_mutex_t *mutex;
    int count;
    egs_hold each[COUNT_MAX];
};

egs_holds *egs_holds_new(apr_pool_t *pool)
{
    egs_holds *holds = apr_pcalloc(pool, sizeof *holds);

    return apr_thread_mutex_create(&holds->mutex, APR_THREAD_MUTEX_DEFAULT, pool) == APR_SUCCESS ? holds
                                                                                                 : NULL;
}

/* Those whose time is over make room. */
static void drop_old(egs_holds *holds)
{
    apr_time_t now = egs_clock();
    int count = 0;

    for (int i = 0; i < holds->count; i++) {
        if (holds->each[i].until > now) {
            holds->each[count++] = holds->each[i];
        }
    }
    holds->count = count;
}

static int find(const egs_holds *holds, int lane)
{
    int i = 0;

    while (i < holds->count && holds->each[i].lane != lane) {
        i++;
    }
    return i;
}

void egs_unhold_lane(egs_holds *holds, int lane)
{
    int i;

    apr_thread_mutex_lock(holds->mutex);
    i = find(holds, lane);
    if (i < holds->count) {
        holds->each[i] = holds->each[--holds->count];
    }
    apr_thread_mutex_unlock(holds->mutex);
}

void egs_hold_lane(egs_holds *holds, egs_hold hold)
{
    int i;

    apr_thread_mutex_lock(holds->mutex);
    drop_old(holds);
    i = find(holds, hold.lane);
    if (i < holds->count) {
        holds->each[i] = hold.until > holds->each[i].until ? hold : holds->each[i];
    }
    else if (i < COUNT_MAX) {
        holds->each[holds->count++] = hold;
    }
    apr_thread_mutex_unlock(holds->mutex);
}

apr_array_header_t *egs_holds_list(egs_holds *holds, apr_pool_t *pool)
{
    apr_array_header_t *list;

    apr_thread_mutex_lock(holds->mutex);
    drop_old(holds);
    list = apr_array_make(pool, holds->count, sizeof(egs_hold));
    for (int i = 0; i < holds->count; i++) {
        APR_ARRAY_PUSH(list, egs_hold) = holds->each[i];
    }
    apr_thread_mutex_unlock(holds->mutex);
    return list;
}
