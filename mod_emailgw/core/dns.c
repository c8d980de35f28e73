/* DNS questions, all asked at once, under one deadline. */
#include "dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>

#include <apr_strings.h>

#include "clock.h"
#include "dnsanswer.h"
#include "netaddr.h"

#define CLASS_IN 1
#define TRIES 3       /* of a question that gets no answer: sent at 0, 1/4 and 3/4 of the timeout */
#define UDP_SIZE 1232 /* bytes that fit everywhere without fragments; what is longer comes by TCP */

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

/* ---- the channel ------------------------------------------------------------------- */

static struct ares_addr_port_node *server_list(const apr_array_header_t *servers, apr_pool_t *pool)
{
    struct ares_addr_port_node *list = apr_pcalloc(pool, (apr_size_t)servers->nelts * sizeof *list);

    for (int i = 0; i < servers->nelts; i++) {
        const eg_netaddr *one = &APR_ARRAY_IDX(servers, i, eg_netaddr);
        const unsigned char *v4 = eg_netaddr_v4(one);

        list[i].next = i + 1 < servers->nelts ? &list[i + 1] : NULL;
        list[i].udp_port = list[i].tcp_port = one->port;
        list[i].family = v4 != NULL ? AF_INET : AF_INET6;
        if (v4 != NULL) {
            memcpy(&list[i].addr.addr4, v4, sizeof list[i].addr.addr4);
        }
        else {
            memcpy(&list[i].addr.addr6, one->bytes, sizeof list[i].addr.addr6);
        }
    }
    return list;
}

/* Every option is set where the servers are, so that nothing of resolv.conf is mixed in. */
static int open_channel(inquiry *all)
{
    const apr_array_header_t *servers = all->resolver->servers;
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS,
        .timeout = (int)apr_time_as_msec(all->resolver->timeout / 4) + 1,
        .tries = TRIES,
        .ednspsz = UDP_SIZE,
        .lookups = "b",
        .ndots = 1,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
               ARES_OPT_NDOTS | ARES_OPT_DOMAINS;
    int status;

    if (servers == NULL || servers->nelts == 0) {
        return ares_init_options(&all->channel, &options, mask);
    }
    mask |= ARES_OPT_SERVERS | ARES_OPT_SORTLIST; /* none: they are given with their ports below */
    status = ares_init_options(&all->channel, &options, mask);
    if (status != ARES_SUCCESS) {
        return status;
    }
    status = ares_set_servers_ports(all->channel, server_list(servers, all->pool));
    if (status != ARES_SUCCESS) {
        ares_destroy(all->channel);
    }
    return status;
}

/* ---- answers ----------------------------------------------------------------------- */

static const char *reason_of(int status, const inquiry *all)
{
    switch (status) {
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
        return apr_psprintf(all->pool, "no answer within %.3g s",
                            (double)all->resolver->timeout / APR_USEC_PER_SEC);
    case ARES_ECONNREFUSED:
        return "no DNS server can be reached";
    default:
        return ares_strerror(status);
    }
}

/* A name that cannot be asked for, such as one of 300 bytes, is not there. */
static void answer(void *baton, int status, int timeouts, unsigned char *message, int size)
{
    const asked *one = baton;

    (void)timeouts;
    one->of->pending--;
    if (message != NULL && size > 0) {
        eg_dnsanswer_read(one->question, message, (apr_size_t)size, one->of->pool);
        return;
    }
    one->question->result = status == ARES_EBADNAME ? EG_DNS_NO_NAME : EG_DNS_TEMPORARY;
    one->question->reason = status == ARES_EBADNAME ? NULL : reason_of(status, one->of);
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
    int status = open_channel(&all);

    for (int i = 0; i < count; i++) {
        each[i] = (asked){ .of = &all, .question = &questions[i] };
        questions[i].reason = NULL;
        questions[i].records = NULL;
        if (status != ARES_SUCCESS) {
            answer(&each[i], status, 0, NULL, 0);
        }
        else {
            ares_query(all.channel, questions[i].name, CLASS_IN, (int)questions[i].type, answer, &each[i]);
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
