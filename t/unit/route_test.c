/* egs_route: mail hosts out of DNS answers, and whose turn it is. */
#include "testpool.h"

#include <apr_strings.h>
#include <string.h>

#include "route.h"

static apr_array_header_t *list(apr_pool_t *pool)
{
    return apr_array_make(pool, 4, sizeof(eg_dns_record));
}

static void add(apr_array_header_t *records, const char *text, int preference)
{
    APR_ARRAY_PUSH(records, eg_dns_record) = (eg_dns_record){ text, strlen(text), preference };
}

static eg_dns_question found(const char *name, eg_dns_type type, const apr_array_header_t *records)
{
    return (eg_dns_question){ .name = name, .type = type, .result = EG_DNS_FOUND, .records = records };
}

static const char *order(const egs_route *route, apr_pool_t *pool)
{
    const char *names = "";

    for (int i = 0; i < route->host_count; i++) {
        names = apr_pstrcat(pool, names, i ? " " : "", route->hosts[i].name, NULL);
    }
    return names;
}

/* "20 b, 10 a" as records. */
static eg_dns_question mx_of(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *records = list(pool);
    char *at, *one;

    for (one = apr_strtok(apr_pstrdup(pool, text), ",", &at); one; one = apr_strtok(NULL, ",", &at)) {
        const char *name = strrchr(one, ' ') + 1;

        add(records, name, (int)apr_atoi64(one + strspn(one, " ")));
    }
    return found("d.example", EG_DNS_MX, records);
}

static void sorts_by_preference(void **state)
{
    static const struct {
        const char *records, *hosts, *key;
    } cases[] = {
        { "20 b.example, 10 a.example, 30 c.example", "a.example b.example c.example",
          "a.example b.example c.example" },
        { "10 b.example, 10 a.example", NULL, "a.example b.example" },
        { "10 B.example, 10 a.example", NULL, "a.example b.example" },
        { "10 c.example, 20 b.example, 20 a.example", NULL, "a.example b.example c.example" },
        { "10 a.example, 0 .", "a.example", "a.example" },
        /* this machine, and what is not nearer than it */
        { "10 a.example, 20 me.example, 30 c.example", "a.example", "a.example" },
        { "10 a.example, 20 b.example, 20 me.example", "a.example", "a.example" },
        /* more than are tried */
        { "30 a.example, 30 b.example, 30 c.example, 30 d.example, 30 e.example, 30 f.example, 30 g.example,"
          "30 h.example, 30 i.example, 30 j.example, 30 k.example, 30 l.example, 30 m.example, 30 n.example,"
          "30 o.example, 30 p.example, 30 q.example, 10 z.example, 20 me.example",
          "z.example", "z.example" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_dns_question mx = mx_of(cases[i].records, *state);
        egs_route route;

        egs_route_of_mx(&route, &mx, "Me.example", *state);
        assert_int_equal(route.result, EGS_ROUTE_HOSTS);
        if (cases[i].hosts) {
            assert_string_equal(order(&route, *state), cases[i].hosts);
        }
        assert_string_equal(route.key, cases[i].key);
    }
}

static void ends_where_there_is_nothing(void **state)
{
    const struct {
        eg_dns_question mx;
        egs_route_result result;
        const char *enhanced;
    } cases[] = {
        { mx_of("0 .", *state), EGS_ROUTE_NOWHERE, "5.1.10" },
        { mx_of("10 me.example, 20 b.example", *state), EGS_ROUTE_NOWHERE, "5.4.6" },
        { mx_of("10 a/b.example, 20 a:1", *state), EGS_ROUTE_TEMPORARY, "4.4.4" },
        { { .name = "d.example", .result = EG_DNS_NO_NAME }, EGS_ROUTE_NOWHERE, "5.1.2" },
        { { .name = "me.example", .result = EG_DNS_NO_DATA }, EGS_ROUTE_NOWHERE, "5.4.6" },
        { { .name = "d.example", .result = EG_DNS_TEMPORARY, .reason = "because" },
          EGS_ROUTE_TEMPORARY,
          "4.4.3" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        egs_route route;

        egs_route_of_mx(&route, &cases[i].mx, "me.example", *state);
        assert_int_equal(route.result, cases[i].result);
        assert_string_equal(route.enhanced, cases[i].enhanced);
        assert_int_equal(route.host_count, 0);
    }
}

static void asks_no_more_than_some(void **state)
{
    apr_array_header_t *records = list(*state);
    eg_dns_question mx;
    egs_route route;

    for (int i = 0; i < 100; i++) {
        add(records, apr_psprintf(*state, "h%d.example", i), i);
    }
    mx = found("d.example", EG_DNS_MX, records);
    egs_route_of_mx(&route, &mx, "me.example", *state);
    assert_int_equal(route.host_count, EGS_ROUTE_HOSTS_MAX);
}

static void spreads_over_equals(void **state)
{
    eg_dns_question mx = mx_of("10 a.example, 10 b.example, 20 c.example", *state);
    int first[2] = { 0, 0 };
    egs_route route;

    egs_route_of_mx(&route, &mx, "me.example", *state);
    for (int i = 0; i < 100; i++) {
        double dice = i / 100.0;
        const egs_route_host *one = egs_route_host_at(&route, 0, dice),
                             *two = egs_route_host_at(&route, 1, dice);

        first[one - route.hosts]++;
        assert_ptr_not_equal(one, two);
        assert_ptr_equal(egs_route_host_at(&route, 2, dice), &route.hosts[2]);
    }
    assert_int_equal(first[0], 50);
    assert_int_equal(first[1], 50);
}

/* One host's answers for A and AAAA. */
static egs_route with_addresses(const eg_dns_question *mx, eg_dns_question a, eg_dns_question aaaa,
                                int may_be_private, apr_pool_t *pool)
{
    eg_dns_question both[2] = { a, aaaa };
    egs_route route;

    egs_route_of_mx(&route, mx, "me.example", pool);
    egs_route_set_addresses(&route, both, may_be_private, pool);
    return route;
}

static void takes_public_addresses(void **state)
{
    eg_dns_question mx = mx_of("10 a.example", *state),
                    implicit = { .name = "d.example", .result = EG_DNS_NO_DATA };
    eg_dns_question none = { .name = "a.example", .type = EG_DNS_A, .result = EG_DNS_NO_DATA };
    eg_dns_question unknown = {
        .name = "a.example", .type = EG_DNS_A, .result = EG_DNS_TEMPORARY, .reason = "because"
    };
    apr_array_header_t *v4 = list(*state), *v6 = list(*state), *local = list(*state);
    egs_route route;

    add(v4, "198.51.100.1", 0);
    add(v4, "9.9.9.9", 0);
    add(v6, "2620:fe::9", 0);
    add(local, "127.0.0.1", 0);
    add(local, "9.9.9.10", 0);

    route =
        with_addresses(&mx, found("a.example", EG_DNS_A, v4), found("a.example", EG_DNS_AAAA, v6), 0, *state);
    assert_int_equal(route.hosts[0].address_count, 2); /* without the one for documentation */
    assert_string_equal(route.hosts[0].addresses[0], "9.9.9.9");
    assert_string_equal(route.hosts[0].addresses[1], "2620:fe::9");

    route = with_addresses(&mx, found("a.example", EG_DNS_A, local), none, 0, *state);
    assert_string_equal(route.hosts[0].addresses[0], "9.9.9.10");
    route = with_addresses(&mx, found("a.example", EG_DNS_A, local), none, 1, *state);
    assert_string_equal(route.hosts[0].addresses[0], "127.0.0.1");
    route = with_addresses(&mx, unknown, found("a.example", EG_DNS_AAAA, v6), 0, *state);
    assert_int_equal(route.result, EGS_ROUTE_HOSTS);

    route = with_addresses(&mx, none, none, 0, *state);
    assert_int_equal(route.result, EGS_ROUTE_TEMPORARY);
    assert_string_equal(route.enhanced, "4.4.4");
    route = with_addresses(&implicit, none, none, 0, *state);
    assert_int_equal(route.result, EGS_ROUTE_NOWHERE);
    assert_string_equal(route.enhanced, "5.1.2");
    APR_ARRAY_IDX(local, 1, eg_dns_record).text = "10.0.0.1";
    route = with_addresses(&implicit, found("d.example", EG_DNS_A, local), none, 0, *state);
    assert_int_equal(route.result, EGS_ROUTE_TEMPORARY);
    assert_string_equal(route.enhanced, "4.4.4");
    route = with_addresses(&implicit, none, unknown, 0, *state);
    assert_int_equal(route.result, EGS_ROUTE_TEMPORARY);
    assert_string_equal(route.enhanced, "4.4.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(sorts_by_preference), EG_TEST(ends_where_there_is_nothing), EG_TEST(asks_no_more_than_some),
        EG_TEST(spreads_over_equals), EG_TEST(takes_public_addresses),
    };

    return EG_TEST_RUN(tests);
}
