/* eg_netaddr_*: the IANA special-purpose registries, IPv4 within IPv6, lists of exceptions. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "netaddr.h"
#include "testpool.h"

static const struct {
    const char *text;
    int is_public;
} cases[] = {
    { "0.0.0.0", 0 },
    { "0.255.255.255", 0 },
    { "1.0.0.0", 1 },
    { "9.255.255.255", 1 },
    { "10.0.0.0", 0 },
    { "10.255.255.255", 0 },
    { "11.0.0.0", 1 },
    { "100.63.255.255", 1 },
    { "100.64.0.0", 0 },
    { "100.100.100.200", 0 },
    { "100.127.255.255", 0 },
    { "100.128.0.0", 1 },
    { "126.255.255.255", 1 },
    { "127.0.0.1", 0 },
    { "127.255.255.255", 0 },
    { "128.0.0.0", 1 },
    { "168.63.129.15", 1 },
    { "168.63.129.16", 0 },
    { "169.253.255.255", 1 },
    { "169.254.169.254", 0 },
    { "169.255.0.0", 1 },
    { "172.15.255.255", 1 },
    { "172.16.0.0", 0 },
    { "172.31.255.255", 0 },
    { "172.32.0.0", 1 },
    { "192.0.0.192", 0 },
    { "192.0.1.0", 1 },
    { "192.0.2.1", 0 },
    { "192.88.99.1", 0 },
    { "192.167.255.255", 1 },
    { "192.168.0.0", 0 },
    { "192.168.255.255", 0 },
    { "192.169.0.0", 1 },
    { "198.17.255.255", 1 },
    { "198.18.0.0", 0 },
    { "198.19.255.255", 0 },
    { "198.20.0.0", 1 },
    { "198.51.100.1", 0 },
    { "203.0.113.1", 0 },
    { "223.255.255.255", 1 },
    { "224.0.0.0", 0 },
    { "239.255.255.255", 0 },
    { "240.0.0.0", 0 },
    { "255.255.255.255", 0 },
    { "::", 0 },
    { "::1", 0 },
    { "::127.0.0.1", 0 },
    { "::ffff:127.0.0.1", 0 },
    { "::ffff:7f00:1", 0 },
    { "::ffff:169.254.169.254", 0 },
    { "::ffff:8.8.8.8", 1 },
    { "64:ff9b::7f00:1", 0 },
    { "64:ff9b::808:808", 0 },
    { "64:ff9b:1::1", 0 },
    { "100::1", 0 },
    { "2001::1", 0 },
    { "2001:10::1", 0 },
    { "2001:1ff:ffff::1", 0 },
    { "2001:200::1", 1 },
    { "2001:db8::1", 0 },
    { "2001:4860:4860::8888", 1 },
    { "2002:7f00:1::", 0 },
    { "2003::1", 1 },
    { "2606:4700::1", 1 },
    { "3fff::1", 0 },
    { "3fff:fff::1", 0 },
    { "3fff:1000::1", 1 },
    { "4000::1", 0 },
    { "5f00::1", 0 },
    { "fc00::1", 0 },
    { "fd00:ec2::254", 0 },
    { "fe80::1", 0 },
    { "fec0::1", 0 },
    { "ff02::1", 0 },
};

static void knows_what_is_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_netaddr addr;

        print_message("# %s\n", cases[i].text);
        assert_int_equal(eg_netaddr_parse(&addr, cases[i].text, 80), APR_SUCCESS);
        assert_int_equal(eg_netaddr_is_public(&addr), cases[i].is_public);
    }
}

/* What libcurl hands over is judged like its text. */
static void reads_sockets(void **state)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_port = htons(8080),
                              .sin_addr = { htonl(0x7f000001) } };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
    struct sockaddr other = { .sa_family = AF_UNIX };
    eg_netaddr from_socket, from_text;

    (void)state;
    eg_netaddr_parse(&from_text, "127.0.0.1", 8080);
    assert_int_equal(eg_netaddr_of_socket(&from_socket, (struct sockaddr *)&v4), APR_SUCCESS);
    assert_memory_equal(from_socket.bytes, from_text.bytes, sizeof from_text.bytes);
    assert_int_equal(from_socket.port, 8080);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &v6.sin6_addr);
    assert_int_equal(eg_netaddr_of_socket(&from_socket, (struct sockaddr *)&v6), APR_SUCCESS);
    assert_memory_equal(from_socket.bytes, from_text.bytes, sizeof from_text.bytes);
    assert_int_equal(eg_netaddr_of_socket(&from_socket, &other), APR_EINVAL);
}

static void reads_lists(void **state)
{
    static const char *const wrong[] = {
        "127.0.0.1",       "127.0.0.1:",    "127.0.0.1:0",   "127.0.0.1:65536",   "::1:80",
        "[::1]",           "[::1:80",       "::1]:80",       "127.1:80",          "localhost:80",
        "127.0.0.1:80:80", "127.0.0.1:+80", "0x7f.0.0.1:80", "[fe80::1%eth0]:80", "127.0.0.1:80;"
    };
    apr_array_header_t *list = NULL;
    eg_netaddr addr;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        print_message("# %s\n", wrong[i]);
        assert_int_equal(eg_netaddr_parse_list(&list, wrong[i], *state), APR_EINVAL);
    }
    assert_int_equal(eg_netaddr_parse_list(&list, " ,", *state), APR_SUCCESS);
    assert_int_equal(list->nelts, 0);
    assert_int_equal(eg_netaddr_parse_list(&list, "127.0.0.1:8080, [::1]:81", *state), APR_SUCCESS);
    assert_int_equal(list->nelts, 2);
    eg_netaddr_parse(&addr, "127.0.0.1", 8080);
    assert_true(eg_netaddr_in(list, &addr));
    addr.port = 8081;
    assert_false(eg_netaddr_in(list, &addr));
    eg_netaddr_parse(&addr, "127.0.0.2", 8080);
    assert_false(eg_netaddr_in(list, &addr));
    eg_netaddr_parse(&addr, "::1", 81);
    assert_true(eg_netaddr_in(list, &addr));
    assert_false(eg_netaddr_in(NULL, &addr));
}

static void knows_web_ports(void **state)
{
    (void)state;
    assert_true(eg_netaddr_is_web_port(80) && eg_netaddr_is_web_port(443) && eg_netaddr_is_web_port(1024) &&
                eg_netaddr_is_web_port(65535));
    assert_false(eg_netaddr_is_web_port(0) || eg_netaddr_is_web_port(25) || eg_netaddr_is_web_port(1023) ||
                 eg_netaddr_is_web_port(65536));
}

static void knows_what_can_be_a_source(void **state)
{
    static const struct {
        const char *text, *form; /* NULL: no source */
    } sources[] = {
        { "0.0.0.0", NULL },
        { "0.0.0.1", NULL },
        { "1.0.0.0", "1.0.0.0" },
        { "10.0.0.1", "10.0.0.1" },
        { "127.0.0.2", "127.0.0.2" },
        { "169.254.1.1", "169.254.1.1" },
        { "192.0.2.1", "192.0.2.1" },
        { "223.255.255.255", "223.255.255.255" },
        { "224.0.0.1", NULL },
        { "240.0.0.1", NULL },
        { "255.255.255.255", NULL },
        { "::", NULL },
        { "::1", "::1" },
        { "::ffff:0.0.0.0", NULL },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "::ffff:224.0.0.1", NULL },
        { "2001:DB8:0:0::0:1", "2001:db8::1" },
        { "fd00::1", "fd00::1" },
        { "fe7f::1", "fe7f::1" },
        { "fe80::1", NULL },
        { "febf::1", NULL },
        { "fec0::1", "fec0::1" },
        { "ff02::1", NULL },
        { "FFFE:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
        { "fdff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char buffer[EG_NETADDR_TEXT_SIZE];
        eg_netaddr addr;

        print_message("# %s\n", sources[i].text);
        assert_int_equal(eg_netaddr_parse(&addr, sources[i].text, 0), APR_SUCCESS);
        assert_int_equal(eg_netaddr_is_source(&addr), sources[i].form != NULL);
        if (sources[i].form != NULL) {
            assert_string_equal(eg_netaddr_text(buffer, &addr), sources[i].form);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_what_is_public), EG_TEST(knows_what_can_be_a_source),
        EG_TEST(reads_sockets),        EG_TEST(reads_lists),
        EG_TEST(knows_web_ports),
    };

    return EG_TEST_RUN(tests);
}
