/* DNS questions, all asked at once, under one deadline. */
#include "dns.h"

#include <poll.h>

#include "clock.h"
#include "dnschannel.h"

/* All questions of one call. */
typedef struct {
    ares_channel channel;
    const eg_dns_resolver *resolver;
    apr_time_t deadline; /* by eg_clock */
    int pending;
    apr_pool_t *pool;
} inquiry;

typedef struct {
    inquiry *of;
    eg_dns_question *question;
} asked;

static apr_status_t stop_library(void *unused)
{
    (void)unused;
    ares_library_cleanup();
    return APR_SUCCESS;
}

apr_status_t eg_dns_start(apr_pool_t *pool)
{
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pool, NULL, stop_library, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

const char *eg_dns_type_name(eg_dns_type type)
{
    switch (type) {
    case EG_DNS_A:
        return "A";
    case EG_DNS_AAAA:
        return "AAAA";
    case EG_DNS_CNAME:
        return "CNAME";
    case EG_DNS_MX:
        return "MX";
    default:
        return "TXT";
    }
}

/* ---- answers ----------------------------------------------------------------------- */

static void answer(void *baton, int status, int timeouts, unsigned char *message, int size)
{
    const asked *one = baton;

    (void)timeouts;
    one->of->pending--;
    eg_dnschannel_answer(one->question, status, message, size, one->of->resolver, one->of->pool);
}

/* ---- waiting ----------------------------------------------------------------------- */

/* Milliseconds until c-ares or the deadline wants to do something, rounded up. */
static int next_wait(const inquiry *all)
{
    apr_interval_time_t left = all->deadline - eg_clock();
    struct timeval most, sooner, *next;

    if (left <= 0) {
        return 0;
    }
    most.tv_sec = (time_t)apr_time_sec(left);
    most.tv_usec = (suseconds_t)apr_time_usec(left);
    next = ares_timeout(all->channel, &most, &sooner);
    return (int)(next->tv_sec * 1000 + (next->tv_usec + 999) / 1000);
}

/* One round of waiting and of what has come; never with an fd_set, which ends at descriptor 1023. */
static void turn(inquiry *all)
{
    struct pollfd polled[ARES_GETSOCK_MAXNUM];
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    /* c-ares' own macros for these bits shift a one into the sign. */
    unsigned readable = (unsigned)ares_getsock(all->channel, sockets, ARES_GETSOCK_MAXNUM);
    unsigned writable = readable >> ARES_GETSOCK_MAXNUM;
    int count = 0, ready;

    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events = (short)((readable >> i & 1 ? POLLIN : 0) | (writable >> i & 1 ? POLLOUT : 0));

        if (events) {
            polled[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
        }
    }
    ready = poll(polled, (nfds_t)count, next_wait(all));
    for (int i = 0; ready > 0 && i < count; i++) {
        ares_process_fd(all->channel, polled[i].revents & ~POLLOUT ? polled[i].fd : ARES_SOCKET_BAD,
                        polled[i].revents & POLLOUT ? polled[i].fd : ARES_SOCKET_BAD);
    }
    if (ready <= 0) {
        ares_process_fd(all->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* its own timeouts */
    }
}

void eg_dns_ask(eg_dns_question *questions, int count, const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    inquiry all = {
        .resolver = resolver, .deadline = eg_clock() + resolver->timeout, .pending = count, .pool = pool
    };
    asked *each = apr_palloc(pool, (apr_size_t)count * sizeof *each);
    int status = eg_dnschannel_open(&all.channel, resolver, NULL, NULL, pool);

    for (int i = 0; i < count; i++) {
        each[i] = (asked){ .of = &all, .question = &questions[i] };
        if (status != ARES_SUCCESS) {
            answer(&each[i], status, 0, NULL, 0);
        }
        else {
            eg_dnschannel_ask(all.channel, &questions[i], answer, &each[i]);
        }
    }
    if (status != ARES_SUCCESS) {
        return;
    }
    while (all.pending > 0 && eg_clock() < all.deadline) {
        turn(&all);
    }
    ares_cancel(all.channel);
    ares_destroy(all.channel);
}
