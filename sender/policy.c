/*
 * What to do after an attempt.
 */
#include "policy.h"

int egs_policy_retry_seconds(int attempt)
{
    static const int minutes[] = { 1, 5, 15, 30, 60 };
    const int last = (int)(sizeof minutes / sizeof *minutes) - 1;

    return 60 * minutes[attempt < 1 ? 0 : attempt - 1 < last ? attempt - 1 : last];
}
