/*
 * What to do after an attempt.
 */
#include "policy.h"

#include "classify.h"

/* Jitter keeps mails that failed together from coming back together. */
static apr_interval_time_t wait_after(int attempt, double dice, const egs_durations *retry)
{
    int step = attempt < 1 ? 0 : attempt - 1 < retry->count ? attempt - 1 : retry->count - 1;

    return (apr_interval_time_t)((double)retry->each[step] * (0.9 + 0.2 * dice));
}

void egs_policy_judge(egs_outcome *outcome, int attempt, apr_interval_time_t age, double dice,
                      const egs_options *options)
{
    egs_verdict verdict;

    if (outcome->result != EGS_DEFERRED && outcome->result != EGS_BOUNCED) {
        return;
    }
    verdict = egs_classify(egs_provider_of(outcome->host), outcome->stage, outcome->smtp_code,
                           outcome->enhanced, outcome->text);
    if (verdict.action == EGS_ACTION_BOUNCE) {
        outcome->result = EGS_BOUNCED;
    }
    outcome->class = verdict.class == EGS_CLASS_NONE ? EGS_CLASS_TECHNICAL : verdict.class;
    outcome->slow_down = verdict.slow_down;
    if (outcome->result == EGS_BOUNCED) {
        outcome->suppress = verdict.suppress;
        return;
    }
    outcome->retry = wait_after(attempt, dice, &options->retry);
    if (age + outcome->retry > options->lifetime) {
        outcome->result = EGS_BOUNCED;
        outcome->class = EGS_CLASS_EXPIRED;
    }
}
