/*
 * Claimed posts by webhook.
 */
#include <apr_hash.h>
#include <apr_ring.h>
#include <apr_strings.h>

#include "webhook_lanes.h"

/* There is one for each webhook that has something in hand. */
typedef struct egs_lane {
    APR_RING_ENTRY(egs_lane) link; /* in the order of turns */
    apr_int64_t webhook_id;
    egs_post *first, **last; /* waiting */
    int waiting, begun;
    int failures; /* in a row */
} egs_lane;

APR_RING_HEAD(lane_ring, egs_lane);

struct egs_lanes {
    apr_hash_t *by_id;
    struct lane_ring turns;
    struct lane_ring unused;
    int waiting, begun;
    apr_pool_t *pool;
};

egs_lanes *egs_lanes_new(apr_pool_t *pool)
{
    egs_lanes *lanes = apr_pcalloc(pool, sizeof *lanes);

    lanes->by_id = apr_hash_make(pool);
    lanes->pool = pool;
    APR_RING_INIT(&lanes->turns, egs_lane, link);
    APR_RING_INIT(&lanes->unused, egs_lane, link);
    return lanes;
}

static egs_lane *open_lane(egs_lanes *lanes, const egs_post *post)
{
    egs_lane *lane;

    if (APR_RING_EMPTY(&lanes->unused, egs_lane, link)) {
        lane = apr_palloc(lanes->pool, sizeof *lane);
        APR_RING_ELEM_INIT(lane, link);
    }
    else {
        lane = APR_RING_FIRST(&lanes->unused);
        APR_RING_REMOVE(lane, link);
    }
    lane->webhook_id = post->webhook_id;
    lane->first = NULL;
    lane->last = &lane->first;
    lane->waiting = lane->begun = 0;
    lane->failures = post->failing ? EGS_LANE_FAILING : 0;
    APR_RING_INSERT_TAIL(&lanes->turns, lane, egs_lane, link);
    apr_hash_set(lanes->by_id, &lane->webhook_id, sizeof lane->webhook_id, lane);
    return lane;
}

static void close_if_empty(egs_lanes *lanes, egs_lane *lane)
{
    if (!lane->waiting && !lane->begun) {
        apr_hash_set(lanes->by_id, &lane->webhook_id, sizeof lane->webhook_id, NULL);
        APR_RING_REMOVE(lane, link);
        APR_RING_INSERT_TAIL(&lanes->unused, lane, egs_lane, link);
    }
}

void egs_lanes_add(egs_lanes *lanes, egs_post *post)
{
    egs_lane *lane = apr_hash_get(lanes->by_id, &post->webhook_id, sizeof post->webhook_id);

    if (!lane) {
        lane = open_lane(lanes, post);
    }
    post->lane = lane;
    post->next = NULL;
    *lane->last = post;
    lane->last = &post->next;
    lane->waiting++;
    lanes->waiting++;
}

static egs_post *take_first(egs_lanes *lanes, egs_lane *lane)
{
    egs_post *post = lane->first;

    lane->first = post->next;
    if (!lane->first) {
        lane->last = &lane->first;
    }
    post->next = NULL;
    lane->waiting--;
    lanes->waiting--;
    return post;
}

static int is_failing(const egs_lane *lane)
{
    return lane->failures >= EGS_LANE_FAILING;
}

static int begun_by_failing(const egs_lanes *lanes)
{
    int begun = 0;

    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        begun += is_failing(lane) ? lane->begun : 0;
    }
    return begun;
}

egs_post *egs_lanes_next(egs_lanes *lanes, int connections)
{
    int failing_full;

    if (!lanes->waiting || lanes->begun >= connections) {
        return NULL;
    }
    failing_full = begun_by_failing(lanes) >= (connections + 1) / 2;
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (!lane->waiting ||
            (is_failing(lane) ? failing_full || lane->begun > 0 : lane->begun >= EGS_LANE_MAX)) {
            continue;
        }
        APR_RING_REMOVE(lane, link);
        APR_RING_INSERT_TAIL(&lanes->turns, lane, egs_lane, link);
        lane->begun++;
        lanes->begun++;
        return take_first(lanes, lane);
    }
    return NULL;
}

void egs_lanes_drop(egs_lanes *lanes, egs_post *post)
{
    post->lane->begun--;
    lanes->begun--;
    close_if_empty(lanes, post->lane);
}

egs_post *egs_lanes_done(egs_lanes *lanes, egs_post *post, int well)
{
    egs_lane *lane = post->lane;
    egs_post *released = NULL;

    lane->begun--;
    lanes->begun--;
    lane->failures = well ? 0 : lane->failures + 1;
    if (is_failing(lane) && lane->waiting) {
        released = lane->first;
        lanes->waiting -= lane->waiting;
        lane->waiting = 0;
        lane->first = NULL;
        lane->last = &lane->first;
    }
    close_if_empty(lanes, lane);
    return released;
}

egs_post *egs_lanes_withdraw(egs_lanes *lanes)
{
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (lane->waiting) {
            egs_post *post = take_first(lanes, lane);

            close_if_empty(lanes, lane);
            return post;
        }
    }
    return NULL;
}

int egs_lanes_held(const egs_lanes *lanes)
{
    return lanes->waiting + lanes->begun;
}

int egs_lanes_begun(const egs_lanes *lanes)
{
    return lanes->begun;
}

static int is_busy(const egs_lane *lane)
{
    return is_failing(lane) || lane->waiting + lane->begun >= EGS_LANE_ENOUGH;
}

int egs_lanes_is_busy(const egs_lanes *lanes, apr_int64_t webhook_id)
{
    const egs_lane *lane = apr_hash_get(lanes->by_id, &webhook_id, sizeof webhook_id);

    return lane && is_busy(lane);
}

const char *const *egs_lanes_busy(const egs_lanes *lanes, apr_size_t *count, apr_pool_t *pool)
{
    const char **ids = apr_palloc(pool, (apr_hash_count(lanes->by_id) + 1) * sizeof *ids);

    *count = 0;
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (is_busy(lane)) {
            ids[(*count)++] = apr_psprintf(pool, "%" APR_INT64_T_FMT, lane->webhook_id);
        }
    }
    return ids;
}
