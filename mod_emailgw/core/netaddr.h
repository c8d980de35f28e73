/*
 * IP addresses with a port: which of them belong to somebody on the open
 * internet, and lists of exceptions. No names, no look-ups.
 */
#ifndef EG_NETADDR_H
#define EG_NETADDR_H

#include <apr_tables.h>

#include "eg.h"

/** IPv4 stands as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so each address has one form. */
typedef struct {
    unsigned char bytes[16];
    int port;
} eg_netaddr;

struct sockaddr;

/** @return APR_EINVAL when it is neither IPv4 nor IPv6 */
apr_status_t eg_netaddr_of_socket(eg_netaddr *addr, const struct sockaddr *sa);

/** "192.0.2.1" or "2001:db8::1", no other notation. @return APR_EINVAL */
apr_status_t eg_netaddr_parse(eg_netaddr *addr, const char *host, int port);

/** The four bytes of an IPv4 address; NULL for one of IPv6. */
const unsigned char *eg_netaddr_v4(const eg_netaddr *addr);

/**
 * May a URL that a stranger gave lead there? Not to this host, its networks,
 * multicast, what is reserved, or what tunnels and translates into any of these
 * (the IANA special-purpose registries; all of IPv6 outside 2000::/3).
 */
int eg_netaddr_is_public(const eg_netaddr *addr);

/**
 * Can a connection be made from it, on a machine that has it? Not from what is
 * unspecified, multicast or reserved, nor from IPv6 link-local addresses, which mean
 * nothing without an interface (RFC 6890, RFC 4007 section 6).
 */
int eg_netaddr_is_source(const eg_netaddr *addr);

#define EG_NETADDR_TEXT_SIZE 46
/** The address alone as eg_netaddr_parse takes it, in its one form: "192.0.2.1", "2001:db8::1" (RFC 5952). */
const char *eg_netaddr_text(char buffer[EG_NETADDR_TEXT_SIZE], const eg_netaddr *addr);

/** Ports that a URL may name: 80, 443 and 1024 to 65535. */
int eg_netaddr_is_web_port(int port);

/**
 * "127.0.0.1:8080,[::1]:8081": literal addresses, each with its port; blanks
 * around them are skipped, empty text is an empty list.
 * @param list  of eg_netaddr
 * @return APR_EINVAL
 */
apr_status_t eg_netaddr_parse_list(apr_array_header_t **list, const char *text, apr_pool_t *pool);

/** Is exactly this address and port in the list? A NULL list has nothing. */
int eg_netaddr_in(const apr_array_header_t *list, const eg_netaddr *addr);

#endif
