/*
 * What the answer to a webhook post means.
 */
#include "webhook_post.h"

#define JITTER 0.1                  /* of the wait, either way */
#define RETRY_AFTER_MAX (24 * 3600) /* seconds */
#define GONE 410

egs_post_result egs_webhook_judge(double *retry_seconds, const egs_answer *answer, int tries,
                                  const egs_durations *schedule, double random)
{
    double wait, asked = answer->retry_after < RETRY_AFTER_MAX ? answer->retry_after : RETRY_AFTER_MAX;

    if (!answer->error && answer->status >= 200 && answer->status <= 299) {
        return EGS_POST_DELIVERED;
    }
    if (answer->status == GONE) {
        return EGS_POST_GONE;
    }
    if (tries >= schedule->count) {
        return EGS_POST_FAILED;
    }
    wait = (double)schedule->each[tries] / APR_USEC_PER_SEC * (1 - JITTER + 2 * JITTER * random);
    *retry_seconds = wait > asked ? wait : asked;
    return EGS_POST_AGAIN;
}
