/* eg_rates_*: windows, room, and exact counts over threads and processes, also when one of them is killed. */
#include "clock.h"
#include "rate.h"
#include "testpool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND APR_USEC_PER_SEC

static const eg_rate hundred = { 100, 60 * SECOND };

/* Shared with the processes that a test forks; unmapped when the test program ends. */
static eg_rates *make_rates(int buckets)
{
    void *memory =
        mmap(NULL, eg_rates_size(buckets), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    eg_rates *rates = NULL;

    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(eg_rates_size(buckets) % EG_RATES_ALIGNMENT, 0);
    assert_int_equal(eg_rates_init(&rates, memory, buckets), APR_SUCCESS);
    return rates;
}

static eg_rate_key key_of(unsigned long number)
{
    eg_rate_key key = { { 0 } };

    memcpy(key.bytes, &number, sizeof number);
    return key;
}

/* So many events of a key; how many were allowed. */
static int take(eg_rates *rates, unsigned long number, const eg_rate *rate, apr_time_t now, int times)
{
    eg_rate_key key = key_of(number);
    int allowed = 0;

    for (int i = 0; i < times; i++) {
        allowed += eg_rates_take(rates, &key, rate, now).allowed;
    }
    return allowed;
}

/* ---- windows ------------------------------------------------------------------------------------- */

static const eg_rate three = { 3, 10 * SECOND };

static const struct {
    const char *what;
    apr_time_t now;
    int allowed, remaining;
    apr_interval_time_t reset;
} steps[] = {
    { "the first begins the window", 7, 1, 2, 10 * SECOND },
    { "the next is in it", 7 + SECOND, 1, 1, 9 * SECOND },
    { "the last that is allowed", 7 + 2 * SECOND, 1, 0, 8 * SECOND },
    { "one more is not", 7 + 2 * SECOND, 0, 0, 8 * SECOND },
    { "a refusal does not lengthen it", 7 + 10 * SECOND - 1, 0, 0, 1 },
    { "at its end another one begins", 7 + 10 * SECOND, 1, 2, 10 * SECOND },
    { "which has an end of its own", 7 + 30 * SECOND, 1, 2, 10 * SECOND },
    { "a now from before another thread's", 7 + 29 * SECOND, 1, 1, 10 * SECOND },
};

static void opens_and_ends(void **state)
{
    eg_rates *rates = make_rates(4);
    eg_rate_key key = key_of(1);

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        eg_rate_state before = eg_rates_look(rates, &key, &three, steps[i].now), is;

        is = eg_rates_take(rates, &key, &three, steps[i].now);
        print_message("# %s\n", steps[i].what);
        assert_int_equal(before.allowed, steps[i].allowed);
        assert_int_equal(before.remaining, steps[i].remaining + steps[i].allowed);
        assert_int_equal(is.allowed, steps[i].allowed);
        assert_int_equal(is.limit, 3);
        assert_int_equal(is.remaining, steps[i].remaining);
        assert_true(is.reset == steps[i].reset);
    }
}

static void looks_without_counting(void **state)
{
    eg_rates *rates = make_rates(4);
    eg_rate_key key = key_of(1);

    (void)state;
    for (int i = 0; i < 10; i++) {
        eg_rate_state is = eg_rates_look(rates, &key, &three, SECOND);

        assert_true(is.allowed && is.remaining == 3 && is.reset == 0);
    }
    assert_int_equal(take(rates, 1, &three, SECOND, 4), 3);
    assert_false(eg_rates_look(rates, &key, &three, SECOND).allowed);
    assert_true(eg_rates_look(rates, &key, &three, 11 * SECOND).reset == 0);
}

static void counts_keys_and_windows_apart(void **state)
{
    static const eg_rate minute = { 5, 60 * SECOND }, second = { 2, SECOND }, more = { 8, 60 * SECOND };
    eg_rates *rates = make_rates(1);

    (void)state;
    assert_int_equal(take(rates, 1, &minute, 1, 9), 5);
    assert_int_equal(take(rates, 2, &minute, 1, 9), 5);
    assert_int_equal(take(rates, 1, &second, 1, 9), 2); /* of another virtual host */
    assert_int_equal(take(rates, 1, &second, 1 + SECOND, 9), 2);
    assert_int_equal(take(rates, 1, &minute, 1 + SECOND, 9),
                     0); /* the short window has not ended the long one */
    assert_int_equal(take(rates, 1, &more, 1 + SECOND, 9), 3); /* a higher limit goes on from 5 */
    assert_int_equal(eg_rates_look(rates, &(eg_rate_key){ { 1 } }, &minute, 1 + SECOND).remaining, 0);
}

static void sets_and_forgets(void **state)
{
    eg_rates *rates = make_rates(1);
    eg_rate_key key = key_of(1), other = key_of(2);

    (void)state;
    eg_rates_set(rates, &key, &three, 0, 0);
    assert_int_equal(eg_rates_look(rates, &key, &three, 0).remaining, 3);
    eg_rates_set(rates, &key, &three, 1, 3);
    assert_false(eg_rates_look(rates, &key, &three, 1).allowed);
    assert_true(eg_rates_look(rates, &other, &three, 1).allowed);
    eg_rates_set(rates, &key, &three, 9 * SECOND, 3); /* a window of its own, from now on */
    assert_int_equal(eg_rates_look(rates, &key, &three, 18 * SECOND).reset, SECOND);
    assert_true(eg_rates_look(rates, &key, &three, 19 * SECOND).allowed);
    eg_rates_set(rates, &key, &three, 9 * SECOND, 0);
    assert_int_equal(eg_rates_look(rates, &key, &three, 9 * SECOND).remaining, 3);
}

/* Where each key counts once, the one that was set longest ago makes room. */
static void keeps_what_was_set_last(void **state)
{
    eg_rates *rates = make_rates(1);

    (void)state;
    for (unsigned long number = 1; number <= 30; number++) {
        eg_rate_key key = key_of(number % 3 == 0 ? 1000 : number);

        eg_rates_set(rates, &key, &hundred, (apr_time_t)number, 1);
    }
    for (unsigned long number = 1; number <= 30; number++) {
        eg_rate_key key = key_of(number % 3 == 0 ? 1000 : number);

        assert_int_equal(eg_rates_look(rates, &key, &hundred, 31).remaining,
                         number >= 20 || number % 3 == 0 ? 99 : 100);
    }
}

static void rounds_seconds_up(void **state)
{
    (void)state;
    assert_int_equal(eg_rate_seconds(0), 0);
    assert_int_equal(eg_rate_seconds(1), 1);
    assert_int_equal(eg_rate_seconds(SECOND), 1);
    assert_int_equal(eg_rate_seconds(SECOND + 1), 2);
}

/* ---- room ---------------------------------------------------------------------------------------- */

static void keeps_the_busy_in_a_full_bucket(void **state)
{
    eg_rates *rates = make_rates(1);
    apr_time_t now = SECOND;

    (void)state;
    assert_int_equal(take(rates, 1, &hundred, now, 2), 2);
    for (unsigned long other = 100; other < 10100; other++) {
        now += 1000;
        assert_int_equal(take(rates, other, &hundred, now, 1), 1);
    }
    assert_int_equal(take(rates, 1, &hundred, now, 200), 98);
}

static void gives_the_oldest_away(void **state)
{
    eg_rates *rates = make_rates(1);

    (void)state;
    for (unsigned long number = 1; number <= 9; number++) {
        take(rates, number, &hundred, (apr_time_t)number, 1);
    }
    for (unsigned long number = 1; number <= 9; number++) {
        eg_rate_key key = key_of(number);

        assert_int_equal(eg_rates_look(rates, &key, &hundred, 9).remaining, number == 1 ? 100 : 99);
    }
}

static void takes_what_is_over_first(void **state)
{
    static const eg_rate brief = { 100, SECOND };
    eg_rates *rates = make_rates(1);

    (void)state;
    take(rates, 99, &brief, 1, 50);
    for (unsigned long number = 1; number <= 7; number++) {
        take(rates, number, &hundred, 1, 1);
    }
    take(rates, 8, &hundred, 1 + SECOND, 1); /* in the place of 99, whose count is over */
    for (unsigned long number = 1; number <= 8; number++) {
        eg_rate_key key = key_of(number);

        assert_int_equal(eg_rates_look(rates, &key, &hundred, 1 + SECOND).remaining, 99);
    }
}

/* Keys that differ in a few bits, or only in the second half, spread over the buckets. */
static void spreads(void **state)
{
    eg_rates *rates = make_rates(512);
    int kept = 0;

    (void)state;
    for (int half = 0; half < 2; half++) {
        for (unsigned long number = 0; number < 1000; number++) {
            eg_rate_key key = { { 0 } };

            memcpy(key.bytes + 8 * half, &number, sizeof number);
            key.bytes[15 - half] |= 1;
            eg_rates_take(rates, &key, &hundred, 1);
        }
        for (unsigned long number = 0; number < 1000; number++) {
            eg_rate_key key = { { 0 } };

            memcpy(key.bytes + 8 * half, &number, sizeof number);
            key.bytes[15 - half] |= 1;
            kept += eg_rates_look(rates, &key, &hundred, 1).remaining < 100;
        }
    }
    assert_in_range(kept, 1900, 2000);
}

/* ---- at once ------------------------------------------------------------------------------------- */

#define WORKERS 8
#define ROUNDS 10
#define TRIES 20000 /* of each worker in a round: some ms, so that they are at it at the same time */

static const eg_rate many = { 100000, 60 * SECOND };

/* What the workers of a test share, also where they are processes. */
typedef struct {
    eg_rates *rates;
    pthread_barrier_t begin; /* of a round: else one worker is through before the next has started */
    int allowed[WORKERS][ROUNDS];
} team;

static team *make_team(void)
{
    team *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t how;

    assert_ptr_not_equal(t, MAP_FAILED);
    t->rates = make_rates(1024);
    assert_int_equal(pthread_barrierattr_init(&how), 0);
    assert_int_equal(pthread_barrierattr_setpshared(&how, PTHREAD_PROCESS_SHARED), 0);
    assert_int_equal(pthread_barrier_init(&t->begin, &how, WORKERS), 0);
    pthread_barrierattr_destroy(&how);
    return t;
}

/* Each round is a key of its own; between its events come others that nobody has seen before. */
static void work(team *t, int number)
{
    unsigned seed = (unsigned)number;

    for (unsigned long round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&t->begin);
        for (int i = 0; i < TRIES; i++) {
            t->allowed[number][round] += take(t->rates, round + 1, &many, eg_clock(), 1);
            if (i % 10 == 0) {
                take(t->rates, (1UL << 32) + (unsigned long)rand_r(&seed), &many, eg_clock(), 1);
            }
        }
    }
}

typedef struct {
    team *team;
    int number;
} worker;

static void *run_thread(void *data)
{
    const worker *w = data;

    work(w->team, w->number);
    return NULL;
}

static void assert_exact(const team *t)
{
    for (int round = 0; round < ROUNDS; round++) {
        int allowed = 0;

        for (int i = 0; i < WORKERS; i++) {
            allowed += t->allowed[i][round];
        }
        assert_int_equal(allowed, many.limit);
    }
}

static void counts_exactly_over_threads(void **state)
{
    team *t = make_team();
    worker workers[WORKERS];
    pthread_t threads[WORKERS];

    (void)state;
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (worker){ t, i };
        assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_exact(t);
}

static int run_two(team *t, int first)
{
    worker second = { t, first + 1 };
    pthread_t thread;

    if (pthread_create(&thread, NULL, run_thread, &second) != 0) {
        return 1;
    }
    work(t, first);
    pthread_join(thread, NULL);
    return 0;
}

/* Four processes of two threads each. */
static void counts_exactly_over_processes(void **state)
{
    team *t = make_team();

    (void)state;
    alarm(60);
    for (int i = 0; i < WORKERS; i += 2) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            alarm(60);
            _exit(run_two(t, i));
        }
    }
    for (int i = 0; i < WORKERS; i += 2) {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    alarm(0);
    assert_exact(t);
}

/* Most of its time it has the only lock. */
static pid_t fork_busy(eg_rates *rates)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (unsigned long number = 1000;; number++) {
            take(rates, number, &hundred, 1, 1);
        }
    }
    return pid;
}

static void goes_on_when_a_process_is_killed(void **state)
{
    static const eg_rate most = { EG_RATE_LIMIT_MAX, 60 * SECOND };
    eg_rates *rates = make_rates(1);
    eg_rate_key key = key_of(1);

    (void)state;
    alarm(60); /* a lock that nobody gives back would wait for ever */
    take(rates, 1, &most, 1, 1000);
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork_busy(rates);

        assert_true(pid > 0);
        usleep(500 + 37 * (unsigned)i);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(take(rates, 1, &most, 1, 1), 1);
    }
    assert_int_equal(eg_rates_look(rates, &key, &most, 1).remaining, EG_RATE_LIMIT_MAX - 1100);
    alarm(0);
}

static void measures_time_that_runs_on(void **state)
{
    apr_time_t first = eg_clock(), second;

    (void)state;
    usleep(2000);
    second = eg_clock();
    assert_true(second - first >= 2000 && second - first < 10 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(opens_and_ends),
        EG_TEST(looks_without_counting),
        EG_TEST(counts_keys_and_windows_apart),
        EG_TEST(sets_and_forgets),
        EG_TEST(keeps_what_was_set_last),
        EG_TEST(rounds_seconds_up),
        EG_TEST(keeps_the_busy_in_a_full_bucket),
        EG_TEST(gives_the_oldest_away),
        EG_TEST(takes_what_is_over_first),
        EG_TEST(spreads),
        EG_TEST(counts_exactly_over_threads),
        EG_TEST(counts_exactly_over_processes),
        EG_TEST(goes_on_when_a_process_is_killed),
        EG_TEST(measures_time_that_runs_on),
    };

    return EG_TEST_RUN(tests);
}
