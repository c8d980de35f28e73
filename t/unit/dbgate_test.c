/* eg_dbgate_*: who may ask a database that does not answer. */
#include "clock.h"
#include "dbgate.h"
#include "testpool.h"

#include <pthread.h>

static eg_dbgate *make_gate(void **state)
{
    eg_dbgate *gate;

    assert_int_equal(eg_dbgate_make(&gate, *state), APR_SUCCESS);
    return gate;
}

/* A call that took so long until it was known how it ends. */
static int ask(eg_dbgate *gate, apr_interval_time_t took, eg_dbgate_end end)
{
    eg_dbpass pass;

    assert_true(eg_dbgate_enter(&pass, gate));
    apr_sleep(took);
    return eg_dbgate_leave(gate, &pass, end);
}

static void all_may_while_it_answers(void **state)
{
    eg_dbgate *gate = make_gate(state);
    eg_dbpass passes[3];

    for (int i = 0; i < 3; i++) {
        assert_true(eg_dbgate_enter(&passes[i], gate));
        assert_false(passes[i].is_probe);
    }
    assert_int_equal(eg_dbgate_leave(gate, &passes[0], EG_DBGATE_ANSWERED), 0);
    assert_int_equal(eg_dbgate_leave(gate, &passes[1], EG_DBGATE_UNTOLD), 0);
    assert_int_equal(eg_dbgate_leave(gate, &passes[2], EG_DBGATE_ANSWERED), 0);
    assert_int_equal(ask(gate, 0, EG_DBGATE_ANSWERED), 0);
}

static void one_at_a_time_tries_while_it_is_away(void **state)
{
    eg_dbgate *gate = make_gate(state);
    eg_dbpass probe, other;

    assert_int_equal(ask(gate, 0, EG_DBGATE_SILENT), 1);
    apr_sleep(5000);
    assert_true(eg_dbgate_enter(&probe, gate));
    assert_true(probe.is_probe);
    assert_false(eg_dbgate_enter(&other, gate));
    assert_int_equal(eg_dbgate_leave(gate, &probe, EG_DBGATE_UNTOLD),
                     0); /* it was told nothing: the next tries */
    assert_true(eg_dbgate_enter(&probe, gate));
    assert_true(probe.is_probe);
    assert_int_equal(eg_dbgate_leave(gate, &probe, EG_DBGATE_ANSWERED), -1);
    assert_true(eg_dbgate_enter(&other, gate));
    assert_false(other.is_probe);
}

static void it_is_tried_half_of_the_time_at_most(void **state)
{
    eg_dbgate *gate = make_gate(state);
    eg_dbpass pass;
    apr_time_t silent;

    assert_int_equal(ask(gate, apr_time_from_msec(200), EG_DBGATE_SILENT), 1);
    silent = eg_clock();
    while (!eg_dbgate_enter(&pass, gate)) {
        apr_sleep(1000);
    }
    assert_in_range(eg_clock() - silent, apr_time_from_msec(190), apr_time_from_msec(900));
    apr_sleep(apr_time_from_msec(1500));
    assert_int_equal(eg_dbgate_leave(gate, &pass, EG_DBGATE_SILENT), 0);
    silent = eg_clock();
    while (!eg_dbgate_enter(&pass, gate)) {
        apr_sleep(1000);
    }
    assert_in_range(eg_clock() - silent, apr_time_from_msec(990),
                    apr_time_from_msec(1400)); /* and once a second */
}

static void silence_from_before_an_answer_tells_nothing(void **state)
{
    eg_dbgate *gate = make_gate(state);
    eg_dbpass early, late;

    assert_true(eg_dbgate_enter(&early, gate));
    apr_sleep(1000);
    assert_int_equal(ask(gate, 0, EG_DBGATE_ANSWERED), 0);
    assert_int_equal(eg_dbgate_leave(gate, &early, EG_DBGATE_SILENT), 0);
    apr_sleep(1000);
    assert_true(eg_dbgate_enter(&late, gate));
    assert_int_equal(eg_dbgate_leave(gate, &late, EG_DBGATE_SILENT), 1);
}

/** One that comes to the door while it is not open. */
typedef struct {
    eg_dbgate *gate;
    eg_dbpass pass;
    int got_in;
} comer;

static void *come(void *arg)
{
    comer *c = arg;

    c->got_in = eg_dbgate_open(c->gate, &c->pass);
    if (c->got_in) {
        eg_dbgate_shut(c->gate);
    }
    return NULL;
}

static int comes_meanwhile(eg_dbgate *gate, eg_dbgate_end end)
{
    eg_dbpass first;
    comer c = { .gate = gate };
    pthread_t thread;

    assert_true(eg_dbgate_enter(&first, gate) && eg_dbgate_enter(&c.pass, gate));
    assert_true(eg_dbgate_open(gate, &first));
    assert_int_equal(pthread_create(&thread, NULL, come, &c), 0);
    apr_sleep(apr_time_from_msec(50));
    eg_dbgate_leave(gate, &first, end);
    eg_dbgate_shut(gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    eg_dbgate_leave(gate, &c.pass, EG_DBGATE_UNTOLD);
    return c.got_in;
}

static void who_waits_at_the_door_hears_that_it_is_away(void **state)
{
    assert_true(comes_meanwhile(make_gate(state), EG_DBGATE_ANSWERED));
    assert_false(comes_meanwhile(make_gate(state), EG_DBGATE_SILENT));
}

static void nobody_waits_at_the_door_for_long(void **state)
{
    eg_dbgate *gate = make_gate(state);
    eg_dbpass first;
    comer c = { .gate = gate };
    pthread_t thread;
    apr_time_t begun = eg_clock();

    assert_true(eg_dbgate_enter(&first, gate) && eg_dbgate_enter(&c.pass, gate));
    assert_true(eg_dbgate_open(gate, &first));
    assert_int_equal(pthread_create(&thread, NULL, come, &c), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(c.got_in);
    assert_in_range(eg_clock() - begun, EG_DBGATE_PATIENCE - 1000, EG_DBGATE_PATIENCE + apr_time_from_sec(3));
    eg_dbgate_shut(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(all_may_while_it_answers),
        EG_TEST(one_at_a_time_tries_while_it_is_away),
        EG_TEST(it_is_tried_half_of_the_time_at_most),
        EG_TEST(silence_from_before_an_answer_tells_nothing),
        EG_TEST(who_waits_at_the_door_hears_that_it_is_away),
        EG_TEST(nobody_waits_at_the_door_for_long),
    };

    return EG_TEST_RUN(tests);
}
