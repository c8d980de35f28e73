/* egs_sts_cache: RFC 8461 sections 3.3 and 5.1, by a clock that the test sets. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "sts_cache.h"

#define S(n) apr_time_from_sec(n)
#define INTERVAL S(300)
#define DAY S(86400)
#define PATIENCE S(40)

static egs_sts_policy make_policy(egs_sts_mode mode, apr_interval_time_t max_age, const char *host,
                                  apr_pool_t *pool)
{
    apr_array_header_t *mx = apr_array_make(pool, 1, sizeof(const char *));

    APR_ARRAY_PUSH(mx, const char *) = host;
    return (egs_sts_policy){ .mode = mode, .max_age = max_age, .mx = mx };
}

/* Nothing is stored of any. */
static void read_all(egs_sts_cache *cache, apr_time_t now, apr_pool_t *pool)
{
    const char *domains[9];
    int count;

    while ((count = egs_sts_cache_unread(cache, domains, 9, pool)) > 0) {
        for (int i = 0; i < count; i++) {
            egs_sts_cache_read(cache, domains[i], NULL, now);
        }
    }
}

static egs_sts_lookup *take(egs_sts_cache *cache, apr_time_t now, apr_pool_t *pool)
{
    read_all(cache, now, pool);
    return egs_sts_cache_take(cache, now, pool);
}

/* One look at the domain, which must be due. @param known  the id that is known, or NULL */
static egs_sts_change answer(egs_sts_cache *cache, apr_time_t now, const char *known, egs_sts_outcome outcome,
                             const char *id, const egs_sts_policy *policy, apr_pool_t *pool)
{
    egs_sts_lookup *lookup = take(cache, now, pool);

    assert_non_null(lookup);
    if (known != NULL) {
        assert_string_equal(lookup->known_id, known);
    }
    else {
        assert_null(lookup->known_id);
    }
    lookup->outcome = outcome;
    lookup->id = id;
    if (policy != NULL) {
        lookup->policy = *policy;
    }
    return egs_sts_cache_answer(cache, lookup, INTERVAL, now);
}

static void must_be(egs_sts_cache *cache, const char *domain, apr_time_t now, egs_sts_state state, int due,
                    const char *host, apr_pool_t *pool)
{
    egs_sts_policy policy;
    int is_due;

    assert_int_equal(egs_sts_cache_find(cache, &is_due, domain, &policy, PATIENCE, now, pool), state);
    assert_int_equal(is_due, due);
    if (host != NULL) {
        assert_string_equal(APR_ARRAY_IDX(policy.mx, 0, const char *), host);
        assert_int_equal(policy.mx->nelts, 1);
    }
}

static void has_nothing_for_an_interval(void **state)
{
    static const egs_sts_outcome outcomes[] = { EGS_STS_ABSENT, EGS_STS_UNKNOWN, EGS_STS_FAILED };

    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
        egs_sts_lookup *lookup;

        must_be(cache, "a", S(1), EGS_STS_PENDING, 1, NULL, *state);
        must_be(cache, "a", S(2), EGS_STS_PENDING, 0, NULL, *state); /* waits already */
        assert_int_equal(answer(cache, S(3), NULL, outcomes[i], NULL, NULL, *state), EGS_STS_SAME);
        must_be(cache, "a", S(3), EGS_STS_NONE, 0, NULL, *state);
        must_be(cache, "a", S(302), EGS_STS_NONE, 0, NULL, *state);
        /* It is looked at again: mails wait until it is known that none is stored, and no longer. */
        must_be(cache, "a", S(303), EGS_STS_PENDING, 1, NULL, *state);
        read_all(cache, S(304), *state);
        must_be(cache, "a", S(304), EGS_STS_NONE, 0, NULL, *state);
        lookup = take(cache, S(305), *state);
        must_be(cache, "a", S(306), EGS_STS_NONE, 0, NULL, *state);
        lookup->outcome = EGS_STS_FETCHED;
        lookup->id = "1";
        lookup->policy = make_policy(EGS_STS_MODE_ENFORCE, DAY, "mx", *state);
        assert_int_equal(egs_sts_cache_answer(cache, lookup, INTERVAL, S(307)), EGS_STS_NEW);
        must_be(cache, "a", S(308), EGS_STS_POLICY, 0, "mx", *state);
    }
}

/* By another sender, while this one knew of none. */
static void sees_what_was_stored_since(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    const egs_sts_kept kept = { "1", make_policy(EGS_STS_MODE_ENFORCE, DAY, "mx", *state), 0, DAY };
    const char *domain;

    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(answer(cache, 0, NULL, EGS_STS_FAILED, NULL, NULL, *state), EGS_STS_SAME);
    must_be(cache, "a", S(300), EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(egs_sts_cache_unread(cache, &domain, 1, *state), 1);
    must_be(cache, "a", S(301), EGS_STS_PENDING, 0, NULL, *state);
    egs_sts_cache_read(cache, "a", &kept, S(301));
    must_be(cache, "a", S(301), EGS_STS_POLICY, 0, "mx", *state);
}

static void keeps_a_policy(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    egs_sts_policy first = make_policy(EGS_STS_MODE_ENFORCE, 10 * DAY, "first", *state);
    egs_sts_policy second = make_policy(EGS_STS_MODE_TESTING, 10 * DAY, "second", *state);

    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &first, *state), EGS_STS_NEW);
    must_be(cache, "a", S(299), EGS_STS_POLICY, 0, "first", *state);
    must_be(cache, "a", S(300), EGS_STS_POLICY, 1, "first", *state); /* it holds while it is looked at */
    assert_int_equal(answer(cache, S(300), "1", EGS_STS_UNCHANGED, "1", NULL, *state), EGS_STS_SAME);
    must_be(cache, "a", S(600), EGS_STS_POLICY, 1, "first", *state);
    assert_int_equal(answer(cache, S(600), "1", EGS_STS_FETCHED, "2", &second, *state), EGS_STS_CHANGED);
    must_be(cache, "a", S(601), EGS_STS_POLICY, 0, "second", *state);
    must_be(cache, "a", DAY + S(599), EGS_STS_POLICY, 1, "second", *state);
    assert_int_equal(answer(cache, DAY + S(599), "2", EGS_STS_UNCHANGED, "2", NULL, *state), EGS_STS_SAME);
    /* after a day it is fetched again whatever its id */
    must_be(cache, "a", DAY + S(900), EGS_STS_POLICY, 1, "second", *state);
    assert_int_equal(answer(cache, DAY + S(900), NULL, EGS_STS_FETCHED, "2", &second, *state), EGS_STS_SAME);
    must_be(cache, "a", 11 * DAY, EGS_STS_POLICY, 1, "second", *state);
}

static void holds_it_to_its_end(void **state)
{
    static const egs_sts_outcome outcomes[] = { EGS_STS_ABSENT, EGS_STS_UNKNOWN, EGS_STS_FAILED };

    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
        egs_sts_policy policy = make_policy(EGS_STS_MODE_ENFORCE, S(1000), "mx", *state);

        must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
        assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &policy, *state), EGS_STS_NEW);
        must_be(cache, "a", S(400), EGS_STS_POLICY, 1, "mx", *state);
        assert_int_equal(answer(cache, S(400), "1", outcomes[i], NULL, NULL, *state), EGS_STS_SAME);
        must_be(cache, "a", S(700), EGS_STS_POLICY, 1, "mx", *state);
        assert_int_equal(answer(cache, S(700), NULL, outcomes[i], NULL, NULL, *state),
                         EGS_STS_SAME); /* half is over */
        must_be(cache, "a", S(999), EGS_STS_POLICY, 0, "mx", *state);
        /* at its end it is looked for again, and not given any more */
        must_be(cache, "a", S(1000), EGS_STS_PENDING, 1, NULL, *state);
        assert_int_equal(answer(cache, S(1000), NULL, outcomes[i], NULL, NULL, *state), EGS_STS_LOST);
        must_be(cache, "a", S(1001), EGS_STS_NONE, 0, NULL, *state);
    }
}

static void knows_mode_none(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    egs_sts_policy policy = make_policy(EGS_STS_MODE_NONE, DAY, "mx", *state);

    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &policy, *state), EGS_STS_NEW);
    must_be(cache, "a", 0, EGS_STS_NONE, 0, NULL, *state);
    must_be(cache, "a", S(300), EGS_STS_NONE, 1, NULL, *state);
}

/* max_age 0: good until the next look, or it would be looked for again and again. */
static void takes_a_short_age(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    egs_sts_policy policy = make_policy(EGS_STS_MODE_ENFORCE, 0, "mx", *state);

    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &policy, *state), EGS_STS_NEW);
    must_be(cache, "a", S(299), EGS_STS_POLICY, 0, "mx", *state);
    must_be(cache, "a", S(300), EGS_STS_PENDING, 1, NULL, *state);
}

static void takes_over_what_was_kept(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    egs_sts_kept kept = { .id = "1",
                          .policy = make_policy(EGS_STS_MODE_ENFORCE, S(1000), "mx", *state),
                          .age = S(300),
                          .left = S(700) };
    egs_sts_lookup *lookup;
    const char *domain;

    must_be(cache, "a", S(9), EGS_STS_PENDING, 1, NULL, *state);
    assert_null(egs_sts_cache_take(cache, S(9), *state)); /* it is to be read first */
    assert_int_equal(egs_sts_cache_unread(cache, &domain, 1, *state), 1);
    assert_string_equal(domain, "a");
    egs_sts_cache_read(cache, domain, &kept, S(9));
    must_be(cache, "a", S(9), EGS_STS_POLICY, 0, "mx", *state);
    lookup = egs_sts_cache_take(cache, S(9), *state);
    assert_string_equal(lookup->known_id, "1");
    lookup->outcome = EGS_STS_FAILED;
    assert_int_equal(egs_sts_cache_answer(cache, lookup, INTERVAL, S(10)), EGS_STS_SAME);
    must_be(cache, "a", S(309), EGS_STS_POLICY, 0, "mx", *state);
    must_be(cache, "a", S(310), EGS_STS_POLICY, 1, "mx", *state);
    assert_false(egs_sts_cache_unread(cache, &domain, 1, *state)); /* it is known */
    lookup = egs_sts_cache_take(cache, S(310), *state);
    assert_null(lookup->known_id); /* over half its time: fetched anew whatever its id */
    lookup->outcome = EGS_STS_FAILED;
    assert_int_equal(egs_sts_cache_answer(cache, lookup, INTERVAL, S(310)), EGS_STS_SAME);
    must_be(cache, "a", S(709), EGS_STS_PENDING, 1, NULL, *state);
}

/* A look that takes too long is not waited for, unless nobody knows whether a policy is stored. */
static void has_patience(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);
    egs_sts_policy policy = make_policy(EGS_STS_MODE_ENFORCE, DAY, "mx", *state);
    egs_sts_lookup *lookup;
    const char *domain;

    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "a", S(100), EGS_STS_PENDING, 0, NULL, *state);
    assert_int_equal(egs_sts_cache_unread(cache, &domain, 1, *state), 1);
    must_be(cache, "a", S(100), EGS_STS_PENDING, 0, NULL, *state);
    egs_sts_cache_reread(cache, domain);
    must_be(cache, "a", S(100), EGS_STS_PENDING, 0, NULL, *state);
    read_all(cache, S(100), *state);
    must_be(cache, "a", S(100), EGS_STS_NONE, 0, NULL, *state);
    must_be(cache, "b", S(100), EGS_STS_PENDING, 1, NULL, *state);
    read_all(cache, S(100), *state);
    must_be(cache, "b", S(139), EGS_STS_PENDING, 0, NULL, *state);
    must_be(cache, "b", S(140), EGS_STS_NONE, 0, NULL, *state); /* it waits for its turn */
    lookup = egs_sts_cache_take(cache, S(140), *state);
    must_be(cache, "a", S(141), EGS_STS_NONE, 0, NULL, *state); /* it is looked up */
    lookup->outcome = EGS_STS_FETCHED;
    lookup->id = "1";
    lookup->policy = policy;
    assert_int_equal(egs_sts_cache_answer(cache, lookup, INTERVAL, S(142)), EGS_STS_NEW);
    must_be(cache, "a", S(142), EGS_STS_POLICY, 0, "mx", *state);
}

static void has_bounds(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(3, 9999, *state);
    egs_sts_policy policy = make_policy(EGS_STS_MODE_ENFORCE, DAY, "mx", *state);

    must_be(cache, "kept", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &policy, *state), EGS_STS_NEW);
    for (int i = 0; i < 9; i++) { /* a flood of others: the policy stays */
        must_be(cache, apr_psprintf(*state, "flood%d", i), 0, EGS_STS_PENDING, 1, NULL, *state);
        assert_int_equal(answer(cache, 0, NULL, EGS_STS_ABSENT, NULL, NULL, *state), EGS_STS_SAME);
    }
    must_be(cache, "kept", S(1), EGS_STS_POLICY, 0, "mx", *state);
    must_be(cache, "flood8", S(1), EGS_STS_NONE, 0, NULL, *state);
    must_be(cache, "flood0", S(1), EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "b", S(1), EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "c", S(1), EGS_STS_PENDING, 1, NULL, *state);
    /* all three are being looked up: the fourth waits outside */
    must_be(cache, "d", S(1), EGS_STS_CROWDED, 0, NULL, *state);
    assert_int_equal(answer(cache, S(1), NULL, EGS_STS_ABSENT, NULL, NULL, *state), EGS_STS_SAME);
    must_be(cache, "d", S(1), EGS_STS_PENDING, 1, NULL, *state);
}

static void has_a_bound_of_bytes(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(99, 10, *state); /* room for two policies of "mx12" */
    static const char *const names[] = { "a", "b", "c" };
    egs_sts_policy policy = make_policy(EGS_STS_MODE_ENFORCE, DAY, "mx12", *state);

    for (int i = 0; i < 3; i++) {
        must_be(cache, names[i], 0, EGS_STS_PENDING, 1, NULL, *state);
        assert_int_equal(answer(cache, 0, NULL, EGS_STS_FETCHED, "1", &policy, *state), EGS_STS_NEW);
    }
    must_be(cache, "b", S(1), EGS_STS_POLICY, 0, "mx12", *state);
    must_be(cache, "c", S(1), EGS_STS_POLICY, 0, "mx12", *state);
    must_be(cache, "a", S(1), EGS_STS_PENDING, 1, NULL, *state);
}

static void must_take(egs_sts_cache *cache, const char *domain, apr_pool_t *pool)
{
    const egs_sts_lookup *lookup = take(cache, 0, pool);

    if (domain == NULL) {
        assert_null(lookup);
        return;
    }
    assert_non_null(lookup);
    assert_string_equal(lookup->domain, domain);
}

static void takes_turns(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(9, 9999, *state);

    assert_false(egs_sts_cache_is_wanted(cache));
    must_be(cache, "a", 0, EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "b", 0, EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "c", 0, EGS_STS_PENDING, 1, NULL, *state);
    assert_true(egs_sts_cache_is_wanted(cache));
    must_take(cache, "a", *state);
    must_take(cache, "b", *state);
    assert_true(egs_sts_cache_is_wanted(cache));
    must_take(cache, "c", *state);
    assert_false(egs_sts_cache_is_wanted(cache));
    must_take(cache, NULL, *state);
}

static void ask_for(egs_sts_cache *cache, const char *form, int first, int count, apr_pool_t *pool)
{
    for (int i = first; i < first + count; i++) {
        must_be(cache, apr_psprintf(pool, form, i), 0, EGS_STS_PENDING, 1, NULL, pool);
    }
}

/* Many names of one organisation: it has its turn as another has, and 8 places. */
static void is_fair(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(1600, 9999, *state);
    egs_sts_lookup *first;

    ask_for(cache, "a%d.many.co.uk", 0, 50, *state);
    ask_for(cache, "mx.other%d.co.uk", 0, 2, *state);
    first = take(cache, 0, *state);
    assert_string_equal(first->domain, "a0.many.co.uk");
    must_take(cache, "mx.other0.co.uk", *state);
    must_take(cache, "mx.other1.co.uk", *state);
    for (int i = 1; i < 8; i++) {
        must_take(cache, apr_psprintf(*state, "a%d.many.co.uk", i), *state);
    }
    must_take(cache, NULL, *state);
    first->outcome = EGS_STS_ABSENT;
    egs_sts_cache_answer(cache, first, INTERVAL, 0);
    ask_for(cache, "other%d.com", 2, 1, *state);
    must_take(cache, "a8.many.co.uk", *state);
    must_take(cache, "other2.com", *state);
    must_take(cache, NULL, *state);
}

/* What one organisation has looked up leaves room for others; what nobody waits for any more, for its own. */
static void shares_its_room(void **state)
{
    egs_sts_cache *cache = egs_sts_cache_new(160, 9999, *state);
    egs_sts_lookup *lookup;

    ask_for(cache, "a%d.many.com", 0, 11, *state);
    for (int i = 11; i < 1000; i++) {
        must_be(cache, apr_psprintf(*state, "a%d.many.com", i), 0, EGS_STS_CROWDED, 0, NULL, *state);
    }
    ask_for(cache, "mx.other%d.com", 0, 140, *state);
    read_all(cache, S(39), *state);
    must_be(cache, "a11.many.com", S(39), EGS_STS_CROWDED, 0, NULL, *state);
    must_be(cache, "a11.many.com", S(40), EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "a12.many.com", S(40), EGS_STS_PENDING, 1, NULL, *state);
    must_be(cache, "a0.many.com", S(40), EGS_STS_PENDING, 1, NULL,
            *state); /* given up, asked for once more */
    read_all(cache, S(40), *state);
    must_be(cache, "a0.many.com", S(40), EGS_STS_NONE, 0, NULL, *state);
    lookup = egs_sts_cache_take(cache, S(40), *state);
    assert_string_equal(lookup->domain, "a3.many.com"); /* a1 and a2 were given up for a12 and a0 */
    lookup->outcome = EGS_STS_ABSENT;
    assert_int_equal(egs_sts_cache_answer(cache, lookup, INTERVAL, S(40)), EGS_STS_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(has_nothing_for_an_interval),
        EG_TEST(sees_what_was_stored_since),
        EG_TEST(keeps_a_policy),
        EG_TEST(holds_it_to_its_end),
        EG_TEST(knows_mode_none),
        EG_TEST(takes_a_short_age),
        EG_TEST(takes_over_what_was_kept),
        EG_TEST(has_patience),
        EG_TEST(has_bounds),
        EG_TEST(has_a_bound_of_bytes),
        EG_TEST(takes_turns),
        EG_TEST(is_fair),
        EG_TEST(shares_its_room),
    };

    return EG_TEST_RUN(tests);
}
