/* Lanes whose mails no thread of this process claims for some time. */
#include <pthread.h>

#include "holds.h"
#include "job.h"

#define COUNT_MAX 1024 /* a claim looks at all of them; a lane beyond is claimed, and its mails given back */

/* Of the whole process: who ends a hold may outlive the options by which it began. */
static struct {
    pthread_mutex_t mutex;
    int count;
    egs_hold each[COUNT_MAX];
} holds = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* Those whose time is over make room. */
static void drop_old(void)
{
    apr_time_t now = egs_clock();
    int count = 0;

    for (int i = 0; i < holds.count; i++) {
        if (holds.each[i].until > now) {
            holds.each[count++] = holds.each[i];
        }
    }
    holds.count = count;
}

static int find(int lane)
{
    int i = 0;

    while (i < holds.count && holds.each[i].lane != lane) {
        i++;
    }
    return i;
}

void egs_unhold_lane(int lane)
{
    int i;

    pthread_mutex_lock(&holds.mutex);
    i = find(lane);
    if (i < holds.count) {
        holds.each[i] = holds.each[--holds.count];
    }
    pthread_mutex_unlock(&holds.mutex);
}

void egs_hold_lane(egs_hold hold)
{
    int i;

    pthread_mutex_lock(&holds.mutex);
    drop_old();
    i = find(hold.lane);
    if (i < holds.count) {
        holds.each[i] = hold.until > holds.each[i].until ? hold : holds.each[i];
    }
    else if (i < COUNT_MAX) {
        holds.each[holds.count++] = hold;
    }
    pthread_mutex_unlock(&holds.mutex);
}

void egs_holds_forget_dead(void)
{
    pthread_mutex_lock(&holds.mutex);
    for (int i = 0; i < holds.count; i++) {
        if (holds.each[i].is_dead) {
            holds.each[i].until = 0;
        }
    }
    drop_old();
    pthread_mutex_unlock(&holds.mutex);
}

const apr_array_header_t *egs_holds_list(apr_pool_t *pool)
{
    apr_array_header_t *list;

    pthread_mutex_lock(&holds.mutex);
    drop_old();
    list = apr_array_make(pool, holds.count, sizeof(egs_hold));
    for (int i = 0; i < holds.count; i++) {
        APR_ARRAY_PUSH(list, egs_hold) = holds.each[i];
    }
    pthread_mutex_unlock(&holds.mutex);
    return list;
}
