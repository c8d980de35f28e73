/* egs_policy_*: waits between attempts. */
#include "testpool.h"

#include "policy.h"

static const struct {
    int attempt, seconds;
} cases[] = { { 1, 60 },   { 2, 300 },  { 3, 900 },      { 4, 1800 },
              { 5, 3600 }, { 6, 3600 }, { 32767, 3600 }, { 0, 60 } };

static void waits_grow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(egs_policy_retry_seconds(cases[i].attempt), cases[i].seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(waits_grow) };

    return EG_TEST_RUN(tests);
}
