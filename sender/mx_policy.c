/* MTA-STS of the domains that mails go to (RFC 8461 section 5). */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mx_carrier.h"

#define HOLD_CROWDED apr_time_from_sec(5) /* of a lane for whose domain a look cannot even be asked */
#define ASK_AGAIN                                                                                            \
    apr_time_from_sec(1) /* without an answer: it may be that nobody has to wait for it any more */

void egs_mx_find_policy(egs_carrier *carrier, egs_transit *t)
{
    egs_sts_state state =
        egs_sts_find(egs_sts_of_process(), t->domain, &t->policy, t->plan->policy_patience, t->job->pool);

    if (state == EGS_STS_CROWDED) {
        egs_mx_turn_away(carrier, t, HOLD_CROWDED);
        return;
    }
    if (state == EGS_STS_PENDING) {
        if (!egs_mx_may_wait(carrier, t)) {
            egs_mx_turn_away(carrier, t, EGS_MX_HOLD);
            return;
        }
        if (!carrier->uncertain) {
            carrier->ask_again = egs_clock() + ASK_AGAIN;
        }
        t->next = carrier->uncertain;
        carrier->uncertain = t;
        return;
    }
    t->is_enforced = state == EGS_STS_POLICY && t->policy.mode == EGS_STS_MODE_ENFORCE;
    if (egs_mx_skip_forbidden(t)) {
        egs_mx_enqueue(carrier, t);
    }
    else {
        egs_mx_finish_as(carrier, t, EGS_DEFERRED, "4.7.5",
                         "the domain's MTA-STS policy has none of its mail hosts");
    }
}

apr_interval_time_t egs_mx_policy_wait(const egs_carrier *carrier, apr_interval_time_t wait)
{
    apr_interval_time_t left = carrier->ask_again - egs_clock();

    return !carrier->uncertain || left >= wait ? wait : left > 0 ? left : 0;
}

/* Those that are still pending come into the list again. */
void egs_mx_take_answers(egs_carrier *carrier)
{
    egs_transit *t = carrier->uncertain, *next;
    uint64_t count;

    if (read(carrier->answers, &count, sizeof count) != sizeof count &&
        egs_mx_policy_wait(carrier, ASK_AGAIN) > 0) {
        return;
    }
    carrier->uncertain = NULL;
    for (; t; t = next) {
        next = t->next;
        egs_mx_find_policy(carrier, t);
    }
}

static void note_answer(void *baton)
{
    const egs_carrier *carrier = baton;
    uint64_t one = 1;

    (void)!write(carrier->answers, &one, sizeof one); /* if it is full already, there is something to read */
}

static apr_status_t close_answers(void *baton)
{
    const egs_carrier *carrier = baton;

    close(carrier->answers);
    return APR_SUCCESS;
}

/* Closed when nobody writes to it any more. */
apr_status_t egs_mx_open_answers(egs_carrier *carrier)
{
    apr_status_t rv;

    carrier->answers = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (carrier->answers < 0) {
        return errno;
    }
    apr_pool_cleanup_register(carrier->pool, carrier, close_answers, apr_pool_cleanup_null);
    rv = egs_smtp_watch(carrier->smtp, carrier->answers);
    if (rv == APR_SUCCESS) {
        egs_sts_on_answer(egs_sts_of_process(), note_answer, carrier, carrier->pool);
    }
    return rv;
}
