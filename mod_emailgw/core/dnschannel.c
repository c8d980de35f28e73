/* A c-ares channel as all DNS questions here want it. */
#include "dnschannel.h"

#include <arpa/inet.h>
#include <string.h>

#include <apr_strings.h>

#include "dnsanswer.h"
#include "netaddr.h"

#define CLASS_IN 1
#define TRIES 3       /* of a question that gets no answer: sent at 0, 1/7 and 3/7 of the timeout */
#define UDP_SIZE 1232 /* bytes that fit everywhere without fragments; what is longer comes by TCP */

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
static int open_channel(ares_channel *channel, int flags, const eg_dns_resolver *resolver,
                        ares_sock_state_cb watch, void *baton, apr_pool_t *pool)
{
    const apr_array_header_t *servers = resolver->servers;
    struct ares_options options = {
        .flags = flags,
        .timeout = (int)apr_time_as_msec(resolver->timeout / 7) + 1,
        .tries = TRIES,
        .ednspsz = UDP_SIZE,
        .lookups = "b",
        .ndots = 1,
        .sock_state_cb = watch,
        .sock_state_cb_data = baton,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_LOOKUPS |
               ARES_OPT_NDOTS | ARES_OPT_DOMAINS | (watch != NULL ? ARES_OPT_SOCK_STATE_CB : 0);
    int status;

    if (servers == NULL || servers->nelts == 0) {
        return ares_init_options(channel, &options, mask);
    }
    mask |= ARES_OPT_SERVERS | ARES_OPT_SORTLIST; /* none: they are given with their ports below */
    status = ares_init_options(channel, &options, mask);
    if (status != ARES_SUCCESS) {
        return status;
    }
    status = ares_set_servers_ports(*channel, server_list(servers, pool));
    if (status != ARES_SUCCESS) {
        ares_destroy(*channel);
    }
    return status;
}

static int has_several_servers(ares_channel channel)
{
    struct ares_addr_port_node *list = NULL;
    int several;

    if (ares_get_servers_ports(channel, &list) != ARES_SUCCESS) {
        return 0;
    }
    several = list != NULL && list->next != NULL;
    ares_free_data(list);
    return several;
}

/*
 * After SERVFAIL, NOTIMP or REFUSED c-ares asks the next server, and of the last one's it tells
 * no more than that there was no answer. A server that is the only one is better asked once,
 * and what it says is kept. How many there are in resolv.conf is known when it was read.
 */
int eg_dnschannel_open(ares_channel *channel, const eg_dns_resolver *resolver, ares_sock_state_cb watch,
                       void *baton, apr_pool_t *pool)
{
    const int flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
    int status = open_channel(channel, flags | ARES_FLAG_NOCHECKRESP, resolver, watch, baton, pool);

    if (status == ARES_SUCCESS && has_several_servers(*channel)) {
        ares_destroy(*channel);
        status = open_channel(channel, flags, resolver, watch, baton, pool);
    }
    return status;
}

void eg_dnschannel_ask(ares_channel channel, const eg_dns_question *question, ares_callback answer,
                       void *baton)
{
    ares_query(channel, question->name, CLASS_IN, (int)question->type, answer, baton);
}

static const char *reason_of(int status, const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    switch (status) {
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
        return apr_psprintf(pool, "no answer within %.3g s", (double)resolver->timeout / APR_USEC_PER_SEC);
    case ARES_ECONNREFUSED:
        return "no DNS server can be reached, or all of them answer SERVFAIL or REFUSED";
    default:
        return ares_strerror(status);
    }
}

/* A name that cannot be asked for, such as one of 300 bytes, is not there. */
void eg_dnschannel_answer(eg_dns_question *question, int status, const unsigned char *message, int size,
                          const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    question->reason = NULL;
    question->records = NULL;
    if (message != NULL && size > 0) {
        eg_dnsanswer_read(question, message, (apr_size_t)size, pool);
        return;
    }
    question->result = status == ARES_EBADNAME ? EG_DNS_NO_NAME : EG_DNS_TEMPORARY;
    question->reason = status == ARES_EBADNAME ? NULL : reason_of(status, resolver, pool);
}
