/*
 * What to do after an attempt.
 */
#include "policy.h"

static int is_permanent(const egs_outcome *outcome)
{
    return outcome->smtp_code >= 500 && outcome->smtp_code < 600 && outcome->stage >= EGS_STAGE_MAIL;
}

/* Jitter keeps mails that failed together from coming back together. */
static apr_interval_time_t wait_after(int attempt, double dice, const egs_durations *retry)
{
    int step = attempt < 1 ? 0 : attempt - 1 < retry->count ? attempt - 1 : retry->count - 1;

    return (apr_interval_time_t)((double)retry->each[step] * (0.9 + 0.2 * dice));
}

static void bounce(egs_outcome *outcome, const char *bounce_class)
{
    outcome->result = EGS_BOUNCED;
    outcome->bounce_class = bounce_class;
}

void egs_policy_judge(egs_outcome *outcome, int attempt, apr_interval_time_t age, double dice,
                      const egs_options *options)
{
    switch (outcome->result) {
    case EGS_RELEASED:
    case EGS_DELIVERED:
        return;
    case EGS_BOUNCED:
        bounce(outcome, "permanent");
        return;
    case EGS_DEFERRED:
        break;
    }
    if (is_permanent(outcome)) {
        bounce(outcome, "permanent");
        return;
    }
    outcome->retry = wait_after(attempt, dice, &options->retry);
    if (age + outcome->retry > options->lifetime) {
        bounce(outcome, "expired");
    }
}
