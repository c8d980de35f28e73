/* egs_destination: places and pace, by what comes back. */
#include "testpool.h"

#include <string.h>

#include "destination.h"

static const egs_durations suspensions = { { apr_time_from_sec(100), apr_time_from_sec(200) }, 2 };
static const egs_shape shapes[] = {
    { "mail.example", 3, 10, 0, EGS_TLS_REQUIRED, 0 },
    { "paced.example", 100, 10, 10, EGS_TLS_OPPORTUNISTIC, 0 },
    { "shy.example", 100, 10, 0, EGS_TLS_OPPORTUNISTIC, 300 },
    { "", 8, 100, 0, EGS_TLS_OPPORTUNISTIC, 0 },
};

/* How many can be let in now. */
static int let_in(egs_destination *d, apr_pool_t *pool)
{
    const char *why = NULL;
    apr_time_t when = 0;
    int count = 0;

    while (egs_destination_enter(d, 0, &when, &why, pool) == EGS_DESTINATION_OPEN) {
        count++;
    }
    return count;
}

/* One that had just begun. */
static void leave(egs_destination *d, egs_left how, const char *why)
{
    egs_destination_leave(d, how, egs_clock(), why);
}

static void finds_the_shape(void **state)
{
    (void)state;
    assert_ptr_equal(egs_shape_find(shapes, "mail.example"), &shapes[0]);
    assert_ptr_equal(egs_shape_find(shapes, "MX1.Mail.Example"), &shapes[0]);
    assert_ptr_equal(egs_shape_find(shapes, "hotmail.example"), &shapes[3]);
    assert_ptr_equal(egs_shape_find(shapes, "x"), &shapes[3]);
}

static void has_places(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[0]);

    assert_ptr_equal(egs_destination_take(all, "a", &shapes[0]), d);
    assert_ptr_not_equal(egs_destination_take(all, "b", &shapes[0]), d);
    assert_int_equal(let_in(d, *state), 3);
    leave(d, EGS_LEFT_WELL, "");
    assert_int_equal(let_in(d, *state), 1);
}

/* From few at the beginning to all that its shape allows. */
static void grows_with_success(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[3]);
    int running = let_in(d, *state);

    assert_true(running > 1 && running < 8);
    for (int i = 0; i < 100; i++) {
        leave(d, EGS_LEFT_WELL, "");
        running += let_in(d, *state) - 1;
    }
    assert_int_equal(running, 8);
}

static void slows_down(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[0]);
    const char *why = NULL;
    apr_time_t when = 0;

    assert_int_equal(let_in(d, *state), 3);
    leave(d, EGS_LEFT_SLOW_DOWN, "");
    leave(d, EGS_LEFT_UNTRIED, "");
    leave(d, EGS_LEFT_UNTRIED, "");
    assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_BUSY);
    assert_true(when > egs_clock());
    assert_true(when < egs_clock() + apr_time_from_sec(2));
    apr_sleep(when - egs_clock() + apr_time_from_msec(10));
    assert_int_equal(let_in(d, *state), 1);
    apr_sleep(apr_time_from_msec(600));     /* longer than from one mail to the next: */
    assert_int_equal(let_in(d, *state), 0); /* of three places one is left */
}

/* However soon the reply comes: what began after the last "slow down" says so anew. */
static void slows_down_each_time(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[3]);
    const char *why = NULL;
    apr_time_t when = 0, begun = egs_clock();
    int before = let_in(d, *state);

    for (int i = 0; i < before; i++) {
        egs_destination_leave(d, EGS_LEFT_SLOW_DOWN, begun, "");
    }
    for (apr_interval_time_t gap = apr_time_from_msec(500); gap < apr_time_from_sec(3); gap *= 2) {
        assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_BUSY);
        assert_in_range(when - egs_clock(), gap - apr_time_from_msec(100), gap);
        apr_sleep(when - egs_clock() + apr_time_from_msec(10));
        begun = egs_clock();
        assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_OPEN);
        egs_destination_leave(d, EGS_LEFT_SLOW_DOWN, begun, "");
    }
}

static void keeps_the_pace(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[1]);
    const char *why = NULL;
    apr_time_t when = 0;

    assert_in_range(let_in(d, *state), 1, 2);
    assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_BUSY);
    assert_in_range(when - egs_clock(), 0, apr_time_from_msec(200));
}

static void opens_so_many_connections_in_a_minute(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "shy", egs_shape_find(shapes, "shy.example"));
    const char *why = NULL;
    apr_time_t when = 0, start = egs_clock();
    int count = 0;

    for (;;) { /* whatever the places: each ends well */
        if (egs_destination_enter(d, 1, &when, &why, *state) != EGS_DESTINATION_OPEN) {
            break;
        }
        leave(d, EGS_LEFT_WELL, "");
        count++;
    }
    assert_in_range(count, 300, 302);
    assert_in_range(when, start + apr_time_from_msec(100), egs_clock() + apr_time_from_msec(200));
    assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_OPEN);
    leave(d, EGS_LEFT_WELL, "");
    apr_sleep(apr_time_from_msec(220));
    assert_int_equal(egs_destination_enter(d, 1, &when, &why, *state), EGS_DESTINATION_OPEN);
    leave(d, EGS_LEFT_WELL, "");
    egs_destination_give_back(all, d);
}

static void leaves_alone_who_cannot_be_reached(void **state)
{
    egs_destinations *all = egs_destinations_new(&suspensions, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[0]);
    const char *why = NULL;
    apr_time_t when = 0;

    assert_int_equal(let_in(d, *state), 3);
    leave(d, EGS_LEFT_UNREACHABLE, "refused");
    leave(d, EGS_LEFT_WELL, "");
    assert_int_equal(let_in(d, *state), 2); /* one success: it can be reached */
    assert_true(egs_destination_has_answered(d));
    for (int i = 0; i < 3; i++) {
        leave(d, EGS_LEFT_UNREACHABLE, "no answer");
    }
    assert_int_equal(egs_destination_enter(d, 0, &when, &why, *state), EGS_DESTINATION_SUSPENDED);
    assert_string_equal(why, "no answer");
    assert_false(egs_destination_has_answered(d));
    assert_in_range(when - egs_clock(), apr_time_from_sec(99), apr_time_from_sec(100));
}

static void a_single_mail_finds_out(void **state)
{
    static const egs_durations briefly = { { apr_time_from_msec(300) }, 1 };
    egs_destinations *all = egs_destinations_new(&briefly, *state);
    egs_destination *d = egs_destination_take(all, "a", &shapes[0]);

    assert_int_equal(let_in(d, *state), 3);
    for (int i = 0; i < 3; i++) {
        leave(d, EGS_LEFT_UNREACHABLE, "no answer");
    }
    assert_int_equal(let_in(d, *state), 0);
    apr_sleep(apr_time_from_msec(310));
    assert_int_equal(let_in(d, *state), 1);
    leave(d, EGS_LEFT_WELL, "");
    assert_int_equal(let_in(d, *state), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(finds_the_shape),
        EG_TEST(has_places),
        EG_TEST(grows_with_success),
        EG_TEST(slows_down),
        EG_TEST(slows_down_each_time),
        EG_TEST(keeps_the_pace),
        EG_TEST(opens_so_many_connections_in_a_minute),
        EG_TEST(leaves_alone_who_cannot_be_reached),
        EG_TEST(a_single_mail_finds_out),
    };

    return EG_TEST_RUN(tests);
}
