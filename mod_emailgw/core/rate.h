/*
 * How often something may happen: so many times in a window of time, counted
 * by key in plain memory that threads and processes share.
 *
 * A window begins with the first event of a key and ends a fixed time later;
 * then the next event begins another. Within it exactly so many are allowed,
 * whoever counts them. What is refused is not counted.
 *
 * The memory never grows: keys that have no window any more make room for new
 * ones; where all slots that a key may have are in use, it takes that of the
 * smallest count, of these the oldest. So a flood of keys that are used once
 * pushes out others of its kind, not a key that is busy; and it does not know
 * which slots it fills, since the places depend on a random seed.
 */
#ifndef EG_RATE_H
#define EG_RATE_H

#include "eg.h"

#define EG_RATE_LIMIT_MAX 1000000 /* times in a window */

/** So many times in so long. */
typedef struct {
    int limit; /* 0: no limit, nothing is counted */
    apr_interval_time_t window;
} eg_rate;

#define EG_RATE_KEY_SIZE 16

/** What is counted: bytes that differ for different things, such as the begin of a hash. */
typedef struct {
    unsigned char bytes[EG_RATE_KEY_SIZE];
} eg_rate_key;

/** How a key stands. */
typedef struct {
    int allowed;
    int limit, remaining;      /* times */
    apr_interval_time_t reset; /* until all of them may be had again; 0: now */
} eg_rate_state;

typedef struct eg_rates eg_rates;

/** Of this file's layout in memory: what outlives a change of it must not be used by other code. */
#define EG_RATES_LAYOUT 1

#define EG_RATES_ALIGNMENT 64 /* bytes: of the memory of a table, and what its size is a multiple of */

/** Bytes of a table. @param buckets  each has room for 8 keys */
apr_size_t eg_rates_size(int buckets);

/**
 * Make an empty table, before anybody shares it. @param memory  eg_rates_size() bytes at a multiple of EG_RATES_ALIGNMENT
 * @return other than APR_SUCCESS: the system gives no random bytes or no locks
 */
apr_status_t eg_rates_init(eg_rates **rates, void *memory, int buckets);

/**
 * Count one event, unless the limit is reached. The same key under rates of
 * different windows is counted apart: else a short window would end a long one.
 * @param now  of eg_clock
 */
eg_rate_state eg_rates_take(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now);

/** What eg_rates_take would say, without counting; remaining is what is left before it. */
eg_rate_state eg_rates_look(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now);

/**
 * Make it so many events of a key, whatever was counted before, in a window that begins now.
 * With 0 the key is as one that never came.
 */
void eg_rates_set(eg_rates *rates, const eg_rate_key *key, const eg_rate *rate, apr_time_t now, int count);

/** The time until then in seconds, as headers and messages have it: rounded up, so that who waits has waited. */
int eg_rate_seconds(apr_interval_time_t time);

#endif
