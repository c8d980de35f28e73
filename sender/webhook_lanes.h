/*
 * Claimed posts by webhook: who is next, and how many at once. Pure. One thread's.
 */
#ifndef EGS_WEBHOOK_LANES_H
#define EGS_WEBHOOK_LANES_H

#include "webhook_post.h"

#define EGS_LANE_MAX 8     /* posts at once to one webhook */
#define EGS_LANE_ENOUGH 16 /* posts in hand of one webhook, begun or not, with which it gets no more */
#define EGS_LANE_FAILING 3 /* failures in a row after which there is one at a time */
#define EGS_LANE_SLOW apr_time_from_sec(1) /* a webhook that takes longer over a post is slow */
#define EGS_LANES_REMEMBERED 1024          /* slow webhooks with nothing in hand that are known as such */
#define EGS_LANES_REMEMBERED_QUICK 16384   /* those that are known to be quick */

typedef struct egs_lanes egs_lanes;

egs_lanes *egs_lanes_new(apr_pool_t *pool);

/** Put a claimed post behind the others of its webhook. */
void egs_lanes_add(egs_lanes *lanes, egs_post *post);

/**
 * The next post to begin, webhooks taking turns: it counts as begun until
 * egs_lanes_done or egs_lanes_drop. Failing and slow webhooks together have half
 * of the connections at most. A webhook is slow when its last answer took longer
 * than EGS_LANE_SLOW, or a post of it has begun longer ago. One of which no post has
 * ended is unknown: it has one post at a time, and begins none while such ones and
 * those that are failing or slow have three quarters of the connections.
 * @param connections  posts at once in all
 * @param now  by egs_clock, here and below
 * @return NULL when none may begin now
 */
egs_post *egs_lanes_next(egs_lanes *lanes, int connections, apr_time_t now);

/**
 * A post that egs_lanes_next gave has ended.
 * @param well  did the receiver answer as it should?
 * @return posts of a webhook that fails now which should not wait here: a list
 *         that is no longer in a lane, or NULL
 */
egs_post *egs_lanes_done(egs_lanes *lanes, egs_post *post, int well, apr_time_t now);

/** A post that egs_lanes_next gave will not be made: it tells nothing of its receiver. */
void egs_lanes_drop(egs_lanes *lanes, egs_post *post);

/** Any post that has not begun, out of its lane; NULL when there is none. */
egs_post *egs_lanes_withdraw(egs_lanes *lanes);

/** Posts in hand, begun or not. */
int egs_lanes_held(const egs_lanes *lanes);

/** Those of them that are of failing, slow or unknown webhooks. */
int egs_lanes_held_back(const egs_lanes *lanes, apr_time_t now);

/** Posts that have begun. */
int egs_lanes_begun(const egs_lanes *lanes);

/** Has this webhook enough in hand? */
int egs_lanes_is_busy(const egs_lanes *lanes, apr_int64_t webhook_id);

/** The webhooks that have enough in hand, as text; their number to count. */
const char *const *egs_lanes_busy(const egs_lanes *lanes, apr_size_t *count, apr_pool_t *pool);

/** Those, and all others that are not known to be quick. */
const char *const *egs_lanes_all_but_quick(const egs_lanes *lanes, apr_size_t *count, apr_time_t now,
                                           apr_pool_t *pool);

#endif
