/*
 * Claimed posts by webhook.
 */
#include <apr_hash.h>
#include <apr_ring.h>
#include <apr_strings.h>
#include <string.h>

#include "webhook_lanes.h"

/* There is one for each webhook that has something in hand, or has answered when it last had. */
typedef struct egs_lane {
    APR_RING_ENTRY(egs_lane) link; /* in the order of turns, or of falling silent */
    apr_int64_t webhook_id;
    egs_post *first, **last; /* waiting */
    int waiting, begun;
    egs_post *under_way[EGS_LANE_MAX]; /* those that have begun, the first one first */
    int failures;                      /* in a row */
    int has_answered;                  /* or a post of it has ended otherwise */
    int was_slow;                      /* over its last answer */
} egs_lane;

APR_RING_HEAD(lane_ring, egs_lane);

/* Those that have answered, with nothing in hand: else each would have to prove itself anew. */
typedef struct {
    struct lane_ring lanes; /* the one that has been silent for longest comes first */
    int count, most;
} lane_memory;

struct egs_lanes {
    apr_hash_t *by_id;
    struct lane_ring turns;
    struct lane_ring unused;
    lane_memory quick, slow;
    int waiting, begun;
    apr_pool_t *pool;
};

typedef enum {
    QUICK,
    UNKNOWN,   /* no post of it has ended, well or not */
    HELD_BACK, /* failing or slow: who holds a connection for long must leave some to the others */
    KINDS
} lane_kind;

static void make_memory(lane_memory *memory, int most)
{
    APR_RING_INIT(&memory->lanes, egs_lane, link);
    memory->most = most;
}

egs_lanes *egs_lanes_new(apr_pool_t *pool)
{
    egs_lanes *lanes = apr_pcalloc(pool, sizeof *lanes);

    lanes->by_id = apr_hash_make(pool);
    lanes->pool = pool;
    APR_RING_INIT(&lanes->turns, egs_lane, link);
    APR_RING_INIT(&lanes->unused, egs_lane, link);
    make_memory(&lanes->quick, EGS_LANES_REMEMBERED_QUICK);
    make_memory(&lanes->slow, EGS_LANES_REMEMBERED);
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
    lane->has_answered = lane->was_slow = 0;
    APR_RING_INSERT_TAIL(&lanes->turns, lane, egs_lane, link);
    apr_hash_set(lanes->by_id, &lane->webhook_id, sizeof lane->webhook_id, lane);
    return lane;
}

static void forget(egs_lanes *lanes, egs_lane *lane)
{
    apr_hash_set(lanes->by_id, &lane->webhook_id, sizeof lane->webhook_id, NULL);
    APR_RING_REMOVE(lane, link);
    APR_RING_INSERT_TAIL(&lanes->unused, lane, egs_lane, link);
}

static lane_memory *memory_of(egs_lanes *lanes, const egs_lane *lane)
{
    return lane->was_slow ? &lanes->slow : &lanes->quick;
}

static void fall_silent(egs_lanes *lanes, egs_lane *lane)
{
    lane_memory *memory = memory_of(lanes, lane);

    APR_RING_REMOVE(lane, link);
    APR_RING_INSERT_TAIL(&memory->lanes, lane, egs_lane, link);
    if (memory->count++ == memory->most) {
        memory->count--;
        forget(lanes, APR_RING_FIRST(&memory->lanes));
    }
}

static void speak_again(egs_lanes *lanes, egs_lane *lane, const egs_post *post)
{
    APR_RING_REMOVE(lane, link);
    APR_RING_INSERT_TAIL(&lanes->turns, lane, egs_lane, link);
    memory_of(lanes, lane)->count--;
    lane->failures = post->failing ? EGS_LANE_FAILING : 0;
}

static int is_empty(const egs_lane *lane)
{
    return !lane->waiting && !lane->begun;
}

static void close_if_empty(egs_lanes *lanes, egs_lane *lane)
{
    if (is_empty(lane)) {
        (lane->has_answered ? fall_silent : forget)(lanes, lane);
    }
}

void egs_lanes_add(egs_lanes *lanes, egs_post *post)
{
    egs_lane *lane = apr_hash_get(lanes->by_id, &post->webhook_id, sizeof post->webhook_id);

    if (!lane) {
        lane = open_lane(lanes, post);
    }
    else if (is_empty(lane)) {
        speak_again(lanes, lane, post);
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

static int is_slow(const egs_lane *lane, apr_time_t now)
{
    return lane->was_slow || (lane->begun && now - lane->under_way[0]->begun_at > EGS_LANE_SLOW);
}

static lane_kind kind_of(const egs_lane *lane, apr_time_t now)
{
    if (is_failing(lane) || is_slow(lane, now)) {
        return HELD_BACK;
    }
    return lane->has_answered ? QUICK : UNKNOWN;
}

/* May a lane of each kind begin another post? Many that are unknown may turn out slow, all at once. */
static void find_room(int room[KINDS], const egs_lanes *lanes, int connections, apr_time_t now)
{
    int begun[KINDS] = { 0 };

    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        begun[kind_of(lane, now)] += lane->begun;
    }
    room[QUICK] = 1;
    room[UNKNOWN] = begun[UNKNOWN] + begun[HELD_BACK] < connections - connections / 4;
    room[HELD_BACK] = begun[HELD_BACK] < (connections + 1) / 2;
}

/* How many of its posts may be under way. */
static int most_begun(const egs_lane *lane)
{
    return !lane->has_answered || is_failing(lane) ? 1 : EGS_LANE_MAX;
}

static egs_post *begin_first(egs_lanes *lanes, egs_lane *lane, apr_time_t now)
{
    egs_post *post = take_first(lanes, lane);

    APR_RING_REMOVE(lane, link);
    APR_RING_INSERT_TAIL(&lanes->turns, lane, egs_lane, link);
    post->begun_at = now;
    lane->under_way[lane->begun++] = post;
    lanes->begun++;
    return post;
}

static void end(egs_lanes *lanes, const egs_post *post)
{
    egs_lane *lane = post->lane;
    int place = 0;

    while (lane->under_way[place] != post) {
        place++;
    }
    lane->begun--;
    lanes->begun--;
    memmove(&lane->under_way[place], &lane->under_way[place + 1],
            (size_t)(lane->begun - place) * sizeof *lane->under_way);
}

egs_post *egs_lanes_next(egs_lanes *lanes, int connections, apr_time_t now)
{
    int room[KINDS];

    if (!lanes->waiting || lanes->begun >= connections) {
        return NULL;
    }
    find_room(room, lanes, connections, now);
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (lane->waiting && lane->begun < most_begun(lane) && room[kind_of(lane, now)]) {
            return begin_first(lanes, lane, now);
        }
    }
    return NULL;
}

void egs_lanes_drop(egs_lanes *lanes, egs_post *post)
{
    end(lanes, post);
    close_if_empty(lanes, post->lane);
}

egs_post *egs_lanes_done(egs_lanes *lanes, egs_post *post, int well, apr_time_t now)
{
    egs_lane *lane = post->lane;
    egs_post *released = NULL;

    end(lanes, post);
    lane->has_answered = 1;
    lane->was_slow = now - post->begun_at > EGS_LANE_SLOW;
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

int egs_lanes_held_back(const egs_lanes *lanes, apr_time_t now)
{
    int held = 0;

    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        held += kind_of(lane, now) == QUICK ? 0 : lane->waiting + lane->begun;
    }
    return held;
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

    return lane && !is_empty(lane) && is_busy(lane);
}

/* Room for the ids of all lanes but those in the memory of quick ones, and one more: none is no size. */
static const char **make_ids(const egs_lanes *lanes, apr_pool_t *pool)
{
    return apr_palloc(pool, (apr_hash_count(lanes->by_id) - (unsigned)lanes->quick.count + 1) *
                                sizeof(const char *));
}

static const char *id_of(const egs_lane *lane, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, lane->webhook_id);
}

const char *const *egs_lanes_busy(const egs_lanes *lanes, apr_size_t *count, apr_pool_t *pool)
{
    const char **ids = make_ids(lanes, pool);

    *count = 0;
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (is_busy(lane)) {
            ids[(*count)++] = id_of(lane, pool);
        }
    }
    return ids;
}

const char *const *egs_lanes_all_but_quick(const egs_lanes *lanes, apr_size_t *count, apr_time_t now,
                                           apr_pool_t *pool)
{
    const char **ids = make_ids(lanes, pool);

    *count = 0;
    for (egs_lane *lane = APR_RING_FIRST(&lanes->turns);
         lane != APR_RING_SENTINEL(&lanes->turns, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        if (is_busy(lane) || kind_of(lane, now) != QUICK) {
            ids[(*count)++] = id_of(lane, pool);
        }
    }
    for (egs_lane *lane = APR_RING_FIRST(&lanes->slow.lanes);
         lane != APR_RING_SENTINEL(&lanes->slow.lanes, egs_lane, link); lane = APR_RING_NEXT(lane, link)) {
        ids[(*count)++] = id_of(lane, pool);
    }
    return ids;
}
