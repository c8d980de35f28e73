/*
 * Where mail for a domain goes (RFC 5321 section 5.1, RFC 7505): its mail
 * hosts in the order in which they are to be tried. Pure.
 */
#ifndef EGS_ROUTE_H
#define EGS_ROUTE_H

#include "dns.h"

#define EGS_ROUTE_NO_MX (-1)
#define EGS_ROUTE_HOSTS_MAX 16 /* of a domain; those beyond are not looked at */

typedef enum {
    EGS_ROUTE_HOSTS,    /* go there */
    EGS_ROUTE_NOWHERE,  /* no later look would find anything */
    EGS_ROUTE_TEMPORARY /* it cannot be said now */
} egs_route_result;

typedef struct {
    const char *name;                           /* as in the certificate */
    int preference;                             /* EGS_ROUTE_NO_MX: the domain itself */
    const char *addresses[EGS_ROUTE_HOSTS_MAX]; /* IPv4, then IPv6 */
    int address_count;
} egs_route_host;

typedef struct {
    egs_route_result result;
    const char *enhanced, *text; /* of the other two, for the event */
    egs_route_host hosts[EGS_ROUTE_HOSTS_MAX];
    int host_count;
    const char *key; /* the same for domains whose mail goes to the same hosts */
} egs_route;

/**
 * The hosts that an answer to the question for a domain's MX records names,
 * without addresses; the domain itself where it has none.
 * @param own  this machine's name: it and what is behind it is left out
 * @param pool  of all texts
 */
void egs_route_of_mx(egs_route *route, const eg_dns_question *mx, const char *own, apr_pool_t *pool);

/**
 * The addresses of all hosts. Hosts without any are left out.
 * @param questions  for each host an A and an AAAA, in this order, answered
 * @param may_be_private  addresses that nobody on the open internet has are kept, too
 */
void egs_route_set_addresses(egs_route *route, const eg_dns_question *questions, int may_be_private,
                             apr_pool_t *pool);

/**
 * The host that a mail goes to first, second ... Of those that are preferred equally
 * each is the first for as many mails (RFC 5321 section 5.1).
 * @param place  0 to host_count - 1
 * @param dice  0 to 1, below 1, the mail's own
 */
const egs_route_host *egs_route_host_at(const egs_route *route, int place, double dice);

#endif
