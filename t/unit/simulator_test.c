/* egs_simulator_way: which addresses are the simulator's. */
#include "testpool.h"

#include "simulator.h"

static const struct {
    const char *recipient;
    egs_simulated way;
} cases[] = {
    { "bounce@simulator.invalid", EGS_SIMULATED_BOUNCE },
    { "BOUNCE@Simulator.Invalid", EGS_SIMULATED_BOUNCE },
    { "bounce+@simulator.invalid", EGS_SIMULATED_BOUNCE },
    { "bounce+a+b@simulator.invalid", EGS_SIMULATED_BOUNCE },
    { "defer@simulator.invalid", EGS_SIMULATED_DEFER },
    { "complaint+7@simulator.invalid", EGS_SIMULATED_COMPLAINT },
    { "slow@simulator.invalid", EGS_SIMULATED_SLOW },
    { "bounces@simulator.invalid", EGS_SIMULATED_NOTHING },
    { "boun@simulator.invalid", EGS_SIMULATED_NOTHING },
    { "+bounce@simulator.invalid", EGS_SIMULATED_NOTHING },
    { "x@simulator.invalid", EGS_SIMULATED_NOTHING },
    { "bounce@x.simulator.invalid", EGS_SIMULATED_NOTHING },
    { "bounce@simulator.invalid.example", EGS_SIMULATED_NOTHING },
    { "bounce@example.org", EGS_SIMULATED_NOTHING },
    { "\"bounce@simulator.invalid\"@example.org", EGS_SIMULATED_NOTHING },
    { "\"bounce\"@simulator.invalid", EGS_SIMULATED_NOTHING },
    { "bounce", EGS_SIMULATED_NOTHING },
    { "", EGS_SIMULATED_NOTHING },
};

static void knows_its_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].recipient);
        assert_int_equal(egs_simulator_way(cases[i].recipient), cases[i].way);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(knows_its_addresses) };

    return EG_TEST_RUN(tests);
}
