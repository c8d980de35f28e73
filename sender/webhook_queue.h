/*
 * The queue of posts in the database: claims and records on two threads of their
 * own, one of each at a time, beside the thread that posts.
 */
#ifndef EGS_WEBHOOK_QUEUE_H
#define EGS_WEBHOOK_QUEUE_H

#include "control.h"
#include "webhook_post.h"

typedef struct egs_queue egs_queue;

/**
 * @param wake  called on another thread when there is an answer
 * @param pool  its allocator must have a mutex; posts are made in children of it
 */
apr_status_t egs_queue_open(egs_queue **queue, egs_control *control, const char *dsn, const eg_log *log,
                            void (*wake)(void *baton), void *baton, apr_pool_t *pool);

/** Ask for more. Not while it is claiming. @param want  its list of webhooks stays until the answer */
void egs_queue_claim(egs_queue *queue, const egs_webhook_want *want);
int egs_queue_is_claiming(const egs_queue *queue);

/**
 * What a claim gave, once.
 * @param posts  a list, empty where rv is a failure
 * @return is there an answer?
 */
int egs_queue_claimed(egs_post **posts, apr_status_t *rv, egs_queue *queue);

/**
 * Record results. Not while it is recording. They are the queue's until the
 * answer, and gone with a good one; after a failure they can be given again.
 */
void egs_queue_record(egs_queue *queue, egs_post *const *posts, int count);
int egs_queue_is_recording(const egs_queue *queue);

/** How that ended, once. @return is there an answer? */
int egs_queue_recorded(apr_status_t *rv, egs_queue *queue);

/** End both threads, after the call that they are at. */
void egs_queue_close(egs_queue *queue);

#endif
