/* IP addresses: public or not, lists of address and port. */
#include "netaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 64 /* characters of a literal address */

static const unsigned char v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* What nobody on the open internet answers at. */
static const struct {
    unsigned char net[4];
    int bits;
} v4_special[] = {
    { { 0, 0, 0, 0 }, 8 },        /* this network */
    { { 10, 0, 0, 0 }, 8 },       /* private */
    { { 100, 64, 0, 0 }, 10 },    /* carrier-grade NAT; a cloud's metadata in it */
    { { 127, 0, 0, 0 }, 8 },      /* loopback */
    { { 168, 63, 129, 16 }, 32 }, /* a cloud's host, seen from its guests */
    { { 169, 254, 0, 0 }, 16 },   /* link-local; clouds' metadata */
    { { 172, 16, 0, 0 }, 12 },    /* private */
    { { 192, 0, 0, 0 }, 24 },     /* IETF protocol assignments */
    { { 192, 0, 2, 0 }, 24 },     /* documentation */
    { { 192, 88, 99, 0 }, 24 },   /* 6to4 relays */
    { { 192, 168, 0, 0 }, 16 },   /* private */
    { { 198, 18, 0, 0 }, 15 },    /* benchmarking */
    { { 198, 51, 100, 0 }, 24 },  /* documentation */
    { { 203, 0, 113, 0 }, 24 },   /* documentation */
    { { 224, 0, 0, 0 }, 4 },      /* multicast */
    { { 240, 0, 0, 0 }, 4 },      /* reserved, broadcast */
};

/* Within 2000::/3, the only global unicast space there is. */
static const struct {
    unsigned char net[4];
    int bits;
} v6_special[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* IETF protocol assignments, Teredo, ORCHID */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x20, 0x02, 0x00, 0x00 }, 16 }, /* 6to4: an IPv4 address inside */
    { { 0x3f, 0xff, 0x00, 0x00 }, 20 }, /* documentation */
};

static int has_prefix(const unsigned char *bytes, const unsigned char *net, int bits)
{
    int whole = bits / 8, rest = bits % 8;

    return memcmp(bytes, net, (size_t)whole) == 0 &&
           (rest == 0 || ((bytes[whole] ^ net[whole]) & (0xff00 >> rest) & 0xff) == 0);
}

const unsigned char *eg_netaddr_v4(const eg_netaddr *addr)
{
    return memcmp(addr->bytes, v4_prefix, sizeof v4_prefix) == 0 ? addr->bytes + sizeof v4_prefix : NULL;
}

int eg_netaddr_is_public(const eg_netaddr *addr)
{
    const unsigned char *bytes = addr->bytes, *v4 = eg_netaddr_v4(addr);

    if (v4 != NULL) {
        for (size_t i = 0; i < sizeof v4_special / sizeof *v4_special; i++) {
            if (has_prefix(v4, v4_special[i].net, v4_special[i].bits)) {
                return 0;
            }
        }
        return 1;
    }
    for (size_t i = 0; i < sizeof v6_special / sizeof *v6_special; i++) {
        if (has_prefix(bytes, v6_special[i].net, v6_special[i].bits)) {
            return 0;
        }
    }
    return (bytes[0] & 0xe0) == 0x20;
}

int eg_netaddr_is_source(const eg_netaddr *addr)
{
    static const unsigned char unspecified[16] = { 0 };
    const unsigned char *bytes = addr->bytes, *v4 = eg_netaddr_v4(addr);

    if (v4 != NULL) {
        return v4[0] != 0 && v4[0] < 224;
    }
    return memcmp(bytes, unspecified, sizeof unspecified) != 0 && bytes[0] != 0xff &&
           !(bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

const char *eg_netaddr_text(char buffer[EG_NETADDR_TEXT_SIZE], const eg_netaddr *addr)
{
    const unsigned char *v4 = eg_netaddr_v4(addr);

    return v4 != NULL ? inet_ntop(AF_INET, v4, buffer, EG_NETADDR_TEXT_SIZE)
                      : inet_ntop(AF_INET6, addr->bytes, buffer, EG_NETADDR_TEXT_SIZE);
}

int eg_netaddr_is_web_port(int port)
{
    return port == 80 || port == 443 || (port >= 1024 && port <= 65535);
}

static void set_v4(eg_netaddr *addr, const void *bytes)
{
    memcpy(addr->bytes, v4_prefix, sizeof v4_prefix);
    memcpy(addr->bytes + sizeof v4_prefix, bytes, 4);
}

apr_status_t eg_netaddr_of_socket(eg_netaddr *addr, const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

        set_v4(addr, &in->sin_addr);
        addr->port = ntohs(in->sin_port);
        return APR_SUCCESS;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

        memcpy(addr->bytes, &in6->sin6_addr, sizeof addr->bytes);
        addr->port = ntohs(in6->sin6_port);
        return APR_SUCCESS;
    }
    return APR_EINVAL;
}

apr_status_t eg_netaddr_parse(eg_netaddr *addr, const char *host, int port)
{
    eg_netaddr parsed = { .port = port };
    struct in_addr v4;

    if (inet_pton(AF_INET, host, &v4) == 1) {
        set_v4(&parsed, &v4);
    }
    else if (inet_pton(AF_INET6, host, parsed.bytes) != 1) {
        return APR_EINVAL;
    }
    *addr = parsed;
    return APR_SUCCESS;
}

/* One of a list: 192.0.2.1:80 or [2001:db8::1]:80. */
static apr_status_t parse_one(eg_netaddr *addr, const char *text, apr_size_t length)
{
    char host[HOST_MAX], *colon, *name = host;
    apr_size_t digits;

    if (length >= sizeof host) {
        return APR_EINVAL;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    colon = strrchr(host, ':');
    if (colon == NULL) {
        return APR_EINVAL;
    }
    *colon = '\0';
    digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || atoi(colon + 1) < 1 ||
        atoi(colon + 1) > 65535) {
        return APR_EINVAL;
    }
    if (*host == '[') {
        if (colon[-1] != ']') {
            return APR_EINVAL;
        }
        colon[-1] = '\0';
        name++;
    }
    else if (strchr(host, ':') != NULL) {
        return APR_EINVAL; /* which colon is before the port? */
    }
    return eg_netaddr_parse(addr, name, atoi(colon + 1));
}

apr_status_t eg_netaddr_parse_list(apr_array_header_t **list, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *made = apr_array_make(pool, 2, sizeof(eg_netaddr));
    static const char between[] = ", \t";

    while (*(text += strspn(text, between)) != '\0') {
        apr_size_t length = strcspn(text, between);

        if (parse_one(apr_array_push(made), text, length) != APR_SUCCESS) {
            return APR_EINVAL;
        }
        text += length;
    }
    *list = made;
    return APR_SUCCESS;
}

int eg_netaddr_in(const apr_array_header_t *list, const eg_netaddr *addr)
{
    for (int i = 0; list != NULL && i < list->nelts; i++) {
        const eg_netaddr *one = &APR_ARRAY_IDX(list, i, eg_netaddr);

        if (one->port == addr->port && memcmp(one->bytes, addr->bytes, sizeof one->bytes) == 0) {
            return 1;
        }
    }
    return 0;
}
