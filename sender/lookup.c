/*
 * DNS questions of one thread that does not wait for their answers: one c-ares
 * channel, its sockets in an epoll of their own, which another can watch.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dnschannel.h"
#include "lookup.h"

#define EVENTS 16

struct egs_lookup {
    const eg_dns_resolver *resolver;
    ares_channel channel;
    int epoll;
    int pending;
    int closing;
};

typedef struct {
    egs_lookup *lookup;
    eg_dns_question *question;
    void (*done)(void *baton);
    void *baton;
    apr_pool_t *pool;
} inquiry;

static void watch(void *baton, ares_socket_t fd, int readable, int writable)
{
    const egs_lookup *lookup = baton;
    struct epoll_event event = { .events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
                                 .data.fd = fd };

    if (!event.events) {
        epoll_ctl(lookup->epoll, EPOLL_CTL_DEL, fd, &event);
    }
    else if (epoll_ctl(lookup->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT) {
        epoll_ctl(lookup->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void answer(void *baton, int status, int timeouts, unsigned char *message, int size)
{
    const inquiry *one = baton;

    (void)timeouts;
    one->lookup->pending--;
    if (one->lookup->closing) {
        return;
    }
    eg_dnschannel_answer(one->question, status, message, size, one->lookup->resolver, one->pool);
    one->done(one->baton);
}

static apr_status_t close_lookup(void *baton)
{
    egs_lookup *lookup = baton;

    lookup->closing = 1;
    ares_destroy(lookup->channel);
    close(lookup->epoll);
    return APR_SUCCESS;
}

apr_status_t egs_lookup_open(egs_lookup **lookup, const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    egs_lookup *made = apr_pcalloc(pool, sizeof *made);

    made->resolver = resolver;
    made->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll < 0) {
        return errno;
    }
    if (eg_dnschannel_open(&made->channel, resolver, watch, made, pool) != ARES_SUCCESS) {
        close(made->epoll);
        return APR_EGENERAL;
    }
    /* Before the pools below this one go, which hold the questions. */
    apr_pool_pre_cleanup_register(pool, made, close_lookup);
    *lookup = made;
    return APR_SUCCESS;
}

void egs_lookup_ask(egs_lookup *lookup, eg_dns_question *question, void (*done)(void *baton), void *baton,
                    apr_pool_t *pool)
{
    inquiry *one = apr_palloc(pool, sizeof *one);

    *one = (inquiry){ lookup, question, done, baton, pool };
    lookup->pending++;
    eg_dnschannel_ask(lookup->channel, question, answer, one);
}

int egs_lookup_descriptor(const egs_lookup *lookup)
{
    return lookup->epoll;
}

apr_interval_time_t egs_lookup_wait(const egs_lookup *lookup, apr_interval_time_t limit)
{
    struct timeval most = { (time_t)apr_time_sec(limit), (suseconds_t)apr_time_usec(limit) }, sooner;
    const struct timeval *next;

    if (!lookup->pending) {
        return limit;
    }
    next = ares_timeout(lookup->channel, &most, &sooner);
    return apr_time_make(next->tv_sec, next->tv_usec);
}

void egs_lookup_work(egs_lookup *lookup)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(lookup->epoll, events, EVENTS, 0);

    for (int i = 0; i < count; i++) {
        ares_process_fd(lookup->channel,
                        events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? events[i].data.fd
                                                                           : ARES_SOCKET_BAD,
                        events[i].events & EPOLLOUT ? events[i].data.fd : ARES_SOCKET_BAD);
    }
    if (lookup->pending) {
        ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its own timeouts */
    }
}
