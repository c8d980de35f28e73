/* Where mail for a domain goes. */
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hostname.h"
#include "lowercase.h"
#include "netaddr.h"
#include "route.h"

#define SMTP_PORT 25

static void end(egs_route *route, egs_route_result result, const char *enhanced, const char *text)
{
    route->result = result;
    route->enhanced = enhanced;
    route->text = text;
    route->host_count = 0;
}

static int by_preference(const void *a, const void *b)
{
    const eg_dns_record *one = *(eg_dns_record *const *)a, *other = *(eg_dns_record *const *)b;

    return one->preference - other->preference;
}

/* Before any is left out: a domain may have more records than hosts are tried. */
static const eg_dns_record **sort_by_preference(const apr_array_header_t *records, apr_pool_t *pool)
{
    const eg_dns_record **sorted = apr_palloc(pool, (apr_size_t)records->nelts * sizeof *sorted);

    for (int i = 0; i < records->nelts; i++) {
        sorted[i] = &APR_ARRAY_IDX(records, i, eg_dns_record);
    }
    qsort(sorted, (size_t)records->nelts, sizeof *sorted, by_preference);
    return sorted;
}

/* Those not nearer to the goal than this machine itself: to them it would come back. */
static void cut_loop(egs_route *route, const char *own)
{
    for (int i = 0; i < route->host_count; i++) {
        if (!strcasecmp(route->hosts[i].name, own)) {
            while (i && route->hosts[i - 1].preference == route->hosts[i].preference) {
                i--;
            }
            route->host_count = i;
        }
    }
    if (!route->host_count) {
        end(route, EGS_ROUTE_NOWHERE, "5.4.6", "the domain's mail host is this machine itself");
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/*
 * All of them, whatever order they are in today. Anybody can name another's host beside
 * others of his own: what those do must not be held against who has that host alone.
 */
static const char *make_key(const egs_route *route, apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, EGS_ROUTE_HOSTS_MAX, sizeof(const char *));

    for (int i = 0; i < route->host_count; i++) {
        APR_ARRAY_PUSH(names, const char *) = route->hosts[i].name;
    }
    qsort(names->elts, (size_t)names->nelts, sizeof(const char *), by_name);
    return apr_array_pstrcat(pool, names, ' ');
}

/* In the DNS a name can have any byte; here it becomes part of a URL. */
static int is_host_name(const char *name)
{
    return *name && *name != '.' && strspn(name, EG_HOST_NAME_BYTES) == strlen(name);
}

static void take_hosts(egs_route *route, const eg_dns_question *mx, const char *own, apr_pool_t *pool)
{
    const eg_dns_record **sorted = sort_by_preference(mx->records, pool);
    int is_null = 0;

    for (int i = 0; i < mx->records->nelts && route->host_count < EGS_ROUTE_HOSTS_MAX; i++) {
        is_null |= !strcmp(sorted[i]->text, ".");
        if (is_host_name(sorted[i]->text)) {
            route->hosts[route->host_count++] =
                (egs_route_host){ .name = eg_lowercase(apr_pstrdup(pool, sorted[i]->text)),
                                  .preference = sorted[i]->preference };
        }
    }
    if (!route->host_count) {
        if (is_null) {
            end(route, EGS_ROUTE_NOWHERE, "5.1.10", "the domain takes no mail: it has a null MX record");
        }
        else {
            end(route, EGS_ROUTE_TEMPORARY, "4.4.4", "the domain's MX records name no host");
        }
        return;
    }
    cut_loop(route, own);
}

const egs_route_host *egs_route_host_at(const egs_route *route, int place, double dice)
{
    int best = 1;

    while (best < route->host_count && route->hosts[best].preference == route->hosts[0].preference) {
        best++;
    }
    return &route->hosts[place < best ? (place + (int)(dice * best)) % best : place];
}

void egs_route_of_mx(egs_route *route, const eg_dns_question *mx, const char *own, apr_pool_t *pool)
{
    *route = (egs_route){ .result = EGS_ROUTE_HOSTS };
    switch (mx->result) {
    case EG_DNS_FOUND:
        take_hosts(route, mx, own, pool);
        break;
    case EG_DNS_NO_DATA:
        route->hosts[route->host_count++] =
            (egs_route_host){ .name = apr_pstrdup(pool, mx->name), .preference = EGS_ROUTE_NO_MX };
        cut_loop(route, own);
        break;
    case EG_DNS_NO_NAME:
        end(route, EGS_ROUTE_NOWHERE, "5.1.2",
            apr_psprintf(pool, "there is no domain %s in the DNS", mx->name));
        break;
    case EG_DNS_TEMPORARY:
        end(route, EGS_ROUTE_TEMPORARY, "4.4.3",
            apr_psprintf(pool, "the DNS did not answer for %s MX: %s", mx->name, mx->reason));
        break;
    }
    if (route->result == EGS_ROUTE_HOSTS) {
        route->key = make_key(route, pool);
    }
}

static void take_addresses(egs_route_host *host, const eg_dns_question *question, int may_be_private,
                           apr_pool_t *pool)
{
    if (question->result != EG_DNS_FOUND) {
        return;
    }
    for (int i = 0; i < question->records->nelts && host->address_count < EGS_ROUTE_HOSTS_MAX; i++) {
        const char *text = APR_ARRAY_IDX(question->records, i, eg_dns_record).text;
        eg_netaddr address;

        if (eg_netaddr_parse(&address, text, SMTP_PORT) == APR_SUCCESS &&
            (may_be_private || eg_netaddr_is_public(&address))) {
            host->addresses[host->address_count++] = apr_pstrdup(pool, text);
        }
    }
}

/*
 * No host has an address that can be used: why not? A domain without MX and address takes no mail; one
 * that has an address, though a private one, may take some another day.
 */
static void end_without_address(egs_route *route, const eg_dns_question *questions, int count, int has_mx,
                                apr_pool_t *pool)
{
    int is_private = 0, is_temporary = has_mx;

    for (int i = 0; i < count; i++) {
        if (questions[i].result == EG_DNS_TEMPORARY) {
            end(route, EGS_ROUTE_TEMPORARY, "4.4.3",
                apr_psprintf(pool, "the DNS did not answer for %s %s: %s", questions[i].name,
                             eg_dns_type_name(questions[i].type), questions[i].reason));
            return;
        }
        is_private |= questions[i].result == EG_DNS_FOUND;
    }
    is_temporary |= is_private;
    end(route, is_temporary ? EGS_ROUTE_TEMPORARY : EGS_ROUTE_NOWHERE, is_temporary ? "4.4.4" : "5.1.2",
        apr_psprintf(pool, "the mail host %s has no %saddress", questions[0].name,
                     is_private ? "public " : ""));
}

void egs_route_set_addresses(egs_route *route, const eg_dns_question *questions, int may_be_private,
                             apr_pool_t *pool)
{
    int count = 0, asked = route->host_count, has_mx = route->hosts[0].preference != EGS_ROUTE_NO_MX;

    for (int i = 0; i < asked; i++) {
        egs_route_host host = route->hosts[i];

        take_addresses(&host, &questions[2 * i], may_be_private, pool);
        take_addresses(&host, &questions[2 * i + 1], may_be_private, pool);
        if (host.address_count) {
            route->hosts[count++] = host;
        }
    }
    route->host_count = count;
    if (!count) {
        end_without_address(route, questions, 2 * asked, has_mx, pool);
    }
}
