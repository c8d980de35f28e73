/*
 * Addresses that behave as told.
 */
#include "simulator.h"

#include <apr_cstr.h>
#include <string.h>

#define DOMAIN "simulator.invalid" /* RFC 6761: nobody's ever */

static const struct {
    const char *local;
    egs_simulated way;
} ways[] = {
    { "bounce", EGS_SIMULATED_BOUNCE },
    { "defer", EGS_SIMULATED_DEFER },
    { "complaint", EGS_SIMULATED_COMPLAINT },
    { "slow", EGS_SIMULATED_SLOW },
};

static const egs_outcome answers[] = {
    [EGS_SIMULATED_BOUNCE] = { .smtp_code = 550, .enhanced = "5.1.1", .text = "User unknown" },
    [EGS_SIMULATED_DEFER] = { .smtp_code = 451,
                              .enhanced = "4.3.0",
                              .text = "Temporary failure, try again later" },
};

egs_simulated egs_simulator_way(const char *recipient)
{
    const char *at = strrchr(recipient, '@');
    apr_size_t length = strcspn(recipient, "+@");

    if (!at || apr_cstr_casecmp(at + 1, DOMAIN)) {
        return EGS_SIMULATED_NOTHING;
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strlen(ways[i].local) == length && !apr_cstr_casecmpn(recipient, ways[i].local, length)) {
            return ways[i].way;
        }
    }
    return EGS_SIMULATED_NOTHING;
}

egs_outcome egs_simulator_answer(egs_simulated way)
{
    egs_outcome answer = answers[way];

    answer.result = EGS_DEFERRED;
    answer.stage = EGS_STAGE_RCPT;
    answer.host = DOMAIN;
    return answer;
}
