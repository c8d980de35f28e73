/*
 * What to do after an attempt. Pure.
 */
#ifndef EGS_POLICY_H
#define EGS_POLICY_H

/**
 * How long to wait after an attempt that failed for a time: 1, 5, 15, 30
 * minutes, then every hour.
 * @param attempt  1 for the first
 * @return seconds
 */
int egs_policy_retry_seconds(int attempt);

#endif
