/* Windows of time by key: buckets of slots, each bucket under a lock of its own. */
#include "rate.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "secret.h"

#define SLOTS 8 /* keys of a bucket */
/* EG_RATES_ALIGNMENT is a cache line: buckets side by side do not slow each other down. */

/* Of one key and one length of window. No count: never used. */
typedef struct {
    eg_rate_key key;
    apr_interval_time_t window;
    apr_time_t end; /* of the window */
    int count;      /* events in it */
} slot;

/*
 * The lock is robust: when a process dies with it, the next one gets it. What
 * the dead one left half done is one slot's count, for one window at most.
 */
typedef struct {
    _Alignas(EG_RATES_ALIGNMENT) pthread_mutex_t lock;
    slot slots[SLOTS];
} bucket;

struct eg_rates {
    _Alignas(EG_RATES_ALIGNMENT) apr_uint64_t seed[2];
    apr_uint32_t count; /* of buckets */
    bucket buckets[];
};

apr_size_t eg_rates_size(int buckets)
{
    return sizeof(eg_rates) + (apr_size_t)buckets * sizeof(bucket);
}

static int init_locks(eg_rates *rates)
{
    pthread_mutexattr_t how;
    int problem = pthread_mutexattr_init(&how);

    if (problem != 0) {
        return problem;
    }
    problem = pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    if (problem == 0) {
        problem = pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    }
    for (apr_uint32_t i = 0; i < rates->count && problem == 0; i++) {
        problem = pthread_mutex_init(&rates->buckets[i].lock, &how);
    }
    pthread_mutexattr_destroy(&how);
    return problem;
}

apr_status_t eg_rates_init(eg_rates **rates, void *memory, int buckets)
{
    eg_rates *made = memory;
    apr_status_t rv;

    memset(made, 0, eg_rates_size(buckets));
    made->count = (apr_uint32_t)buckets;
    rv = eg_random(made->seed, sizeof made->seed);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->seed[0] |= 1;
    made->seed[1] |= 1;
    rv = APR_FROM_OS_ERROR(init_locks(made));
    if (rv == APR_SUCCESS) {
        *rates = made;
    }
    return rv;
}

/* Bits into all others (the finalizer of MurmurHash3, one to one): keys in a row, as addresses are, come apart. */
static apr_uint64_t mix(apr_uint64_t x)
{
    x = (x ^ x >> 33) * APR_UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ x >> 33) * APR_UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

/* Two keys meet by chance only, for whoever does not know the seed. */
static bucket *bucket_of(eg_rates *rates, const eg_rate_key *key)
{
    apr_uint64_t words[2], place;

    memcpy(words, key->bytes, sizeof words);
    place = mix(words[0] * rates->seed[0] + words[1] * rates->seed[1]) >> 32;
    return &rates->buckets[(place * rates->count) >> 32];
}

/* @return 0 when there is no lock to be had: then nothing is counted, rather than all refused */
static int lock(bucket *b)
{
    int problem = pthread_mutex_lock(&b->lock);

    if (problem == EOWNERDEAD) {
        problem = pthread_mutex_consistent(&b->lock);
    }
    return problem == 0;
}

static slot *find(bucket *b, const eg_rate_key *key, const eg_rate *rate)
{
    for (slot *s = b->slots; s < b->slots + SLOTS; s++) {
        if (s->count > 0 && s->window == rate->window && memcmp(&s->key, key, sizeof *key) == 0) {
            return s;
        }
    }
    return NULL;
}

static int is_over(const slot *s, apr_time_t now)
{
    return s->count == 0 || now >= s->end;
}

/* Does a make better room for a new key than b? */
static int is_better(const slot *a, const slot *b, apr_time_t now)
{
    if (is_over(a, now) != is_over(b, now)) {
        return is_over(a, now);
    }
    return a->count != b->count ? a->count < b->count : a->end < b->end;
}

static slot *make_room(bucket *b, const eg_rate_key *key, const eg_rate *rate, apr_time_t now)
{
    slot *best = b->slots;

    for (slot *s = b->slots + 1; s < b->slots + SLOTS; s++) {
        if (is_better(s, best, now)) {
            best = s;
        }
    }
    *best = (slot){ .key = *key, .window = rate->window };
    return best;
}

static eg_rate_state state_of(const slot *s, const eg_rate *rate, apr_time_t now)
{
    int used = s == NULL || is_over(s, now) ? 0 : s->count;
    apr_interval_time_t left = used > 0 ? s->end - now : 0;

    return (eg_rate_state){
        .allowed = used < rate->limit,
        .limit = rate->limit,
        .remaining = used < rate->limit ? rate->limit - used : 0,
        .reset = left < rate->window ? left : rate->window, /* another thread's now may be a little later */
    };
}

eg_rate_state eg_rates_look(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now)
{
    bucket *b = bucket_of(rates, key);
    eg_rate_state state = state_of(NULL, rate, now);

    if (lock(b)) {
        state = state_of(find(b, key, rate), rate, now);
        pthread_mutex_unlock(&b->lock);
    }
    return state;
}

/* Under the bucket's lock. */
static eg_rate_state take(bucket *b, const eg_rate_key *key, const eg_rate *rate, apr_time_t now)
{
    slot *s = find(b, key, rate);
    eg_rate_state state = state_of(s, rate, now);

    if (!state.allowed) {
        return state;
    }
    if (s == NULL) {
        s = make_room(b, key, rate, now);
    }
    if (is_over(s, now)) {
        s->count = 0;
        s->end = now + rate->window;
    }
    s->count++;
    state = state_of(s, rate, now);
    state.allowed = 1;
    return state;
}

eg_rate_state eg_rates_take(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now)
{
    bucket *b = bucket_of(rates, key);
    eg_rate_state state = state_of(NULL, rate, now);

    if (lock(b)) {
        state = take(b, key, rate, now);
        pthread_mutex_unlock(&b->lock);
    }
    return state;
}

void eg_rates_set(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now, int count)
{
    bucket *b = bucket_of(rates, key);
    slot *s;

    if (!lock(b)) {
        return;
    }
    s = find(b, key, rate);
    if (s == NULL && count > 0) {
        s = make_room(b, key, rate, now);
    }
    if (s != NULL) {
        s->count = count;
        s->end = now + rate->window;
    }
    pthread_mutex_unlock(&b->lock);
}

int eg_rate_seconds(apr_interval_time_t time)
{
    return (int)((time + APR_USEC_PER_SEC - 1) / APR_USEC_PER_SEC);
}
