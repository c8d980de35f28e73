/*
 * A pool around each test: *state is the pool. Every test program ends with
 *
 *     const struct CMUnitTest tests[] = { EG_TEST(parses_or_refuses), ... };
 *     return EG_TEST_RUN(tests);
 */
#ifndef EG_TESTPOOL_H
#define EG_TESTPOOL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>

static inline int testpool_start(void **state)
{
    (void)state;
    return apr_initialize() == APR_SUCCESS ? 0 : -1;
}

static inline int testpool_stop(void **state)
{
    (void)state;
    apr_terminate();
    return 0;
}

static inline int testpool_make(void **state)
{
    apr_pool_t *pool;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return -1;
    }
    *state = pool;
    return 0;
}

static inline int testpool_destroy(void **state)
{
    apr_pool_destroy(*state);
    return 0;
}

#define EG_TEST(test) cmocka_unit_test_setup_teardown(test, testpool_make, testpool_destroy)
#define EG_TEST_RUN(tests) cmocka_run_group_tests(tests, testpool_start, testpool_stop)

#endif
