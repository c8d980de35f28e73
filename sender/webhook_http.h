/*
 * Posts in the hands of libcurl: many at a time, none of which waits for another.
 *
 * A receiver's address is judged where the socket is made, so that no name,
 * however it resolves and whenever, leads to what is not public; and once more
 * where a connection is used again.
 */
#ifndef EGS_WEBHOOK_HTTP_H
#define EGS_WEBHOOK_HTTP_H

#include "webhook_post.h"

typedef struct egs_http egs_http;

/** Closed with the pool. */
apr_status_t egs_http_open(egs_http **http, apr_pool_t *pool);

/** What goes from now on, until the next call. For posts that have begun, addresses only. */
void egs_http_use(egs_http *http, const egs_options *options);

/** Sign and post: at its end post->answer is set. A body and a key must be there. */
void egs_http_begin(egs_http *http, egs_post *post);

/** Go on with what has begun. Waits for something to happen, no longer than wait. */
void egs_http_work(egs_http *http, apr_interval_time_t wait);

/** A post that has its answer, once; NULL when there is none. */
egs_post *egs_http_finished(egs_http *http);

/** End the wait of egs_http_work. From any thread; an egs_http as void *. */
void egs_http_wake(void *http);

#endif
