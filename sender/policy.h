/*
 * What to do after an attempt. Pure.
 */
#ifndef EGS_POLICY_H
#define EGS_POLICY_H

#include "job.h"

/**
 * Delivered, released and suppressed stay so. A failure is a bounce where the
 * other side refused this mail for good (egs_classify), or where the next try
 * would lie beyond options->lifetime; else it waits as options->retry says for
 * this attempt, 10 % more or less. Both get their class, and whether their
 * destination is to get less for a while; what has expired suppresses nobody.
 * @param attempt  1 for the first
 * @param age  since the first attempt
 * @param dice  0 up to 1: which part of the 20 % it is to be
 */
void egs_policy_judge(egs_outcome *outcome, int attempt, apr_interval_time_t age, double dice,
                      const egs_options *options);

#endif
