/* eg_spf_*: RFC 7208 sections 4.5, 4.6, 5, 6. */
#include "testpool.h"

#include <string.h>

#include "spf.h"

#define HOST "mail.example.net"
#define TEN                                                                                                  \
    "include:a.example include:b.example a:c.example a:d.example mx exists:%{i}.e.example ptr a "            \
    "mx:f.example "

static const struct {
    const char *what, *record;
    const char *problem; /* a part of it; NULL where the record is fine */
} cases[] = {
    { "ours", "v=spf1 include:mail.example.net ~all", NULL },
    { "upper case", "V=SPF1 INCLUDE:Mail.Example.NET -ALL", NULL },
    { "trailing dot", "v=spf1 include:mail.example.net. -all", NULL },
    { "plus", "v=spf1 +include:mail.example.net -all", NULL },
    { "without all", "v=spf1 include:mail.example.net", NULL },
    { "blanks", "v=spf1   include:mail.example.net   ~all  ", NULL },
    { "beside others",
      "v=spf1 a mx/24 a:x.example/24//64 ip4:192.0.2.0/24 ip6:2001:db8::/32 include:spf.example "
      "include:mail.example.net "
      "-all",
      NULL },
    { "modifiers", "v=spf1 include:mail.example.net exp=x.example made-up=1 ~all", NULL },
    { "redirect", "v=spf1 redirect=mail.example.net", NULL },
    { "redirect and mechanisms", "v=spf1 mx redirect=mail.example.net", NULL },
    { "ten look-ups", "v=spf1 " TEN "include:mail.example.net -all", NULL },
    { "redirect that all hides", "v=spf1 ~all redirect=mail.example.net",
      "include:mail.example.net is not in it" },
    { "redirect elsewhere", "v=spf1 redirect=example.net", "is not in it" },
    { "another include", "v=spf1 include:other.example ~all", "is not in it" },
    { "a longer host", "v=spf1 include:mail.example.net.example ~all", "is not in it" },
    { "a shorter host", "v=spf1 include:mail.example.ne ~all", "is not in it" },
    { "behind all", "v=spf1 -all include:mail.example.net", "stands behind \"all\"" },
    { "neutral", "v=spf1 ?include:mail.example.net -all", "has \"?\" before it" },
    { "fail", "v=spf1 -include:mail.example.net ~all", "has \"-\" before it" },
    { "the first one counts", "v=spf1 ~include:mail.example.net include:mail.example.net",
      "has \"~\" before it" },
    { "nothing", "v=spf1", "is not in it" },
    { "blanks alone", "v=spf1  ", "is not in it" },
    { "eleven look-ups", "v=spf1 " TEN "include:g.example include:mail.example.net", "11 terms" },
    { "misspelt", "v=spf1 inlcude:mail.example.net ~all", "\"inlcude:mail.example.net\" is no term" },
    { "comma", "v=spf1 include:mail.example.net, ~all", "is not in it" },
    { "tab", "v=spf1 include:mail.example.net\t~all", "is not in it" },
    { "all with something", "v=spf1 include:mail.example.net all:x", "\"all:x\" is no term" },
    { "include of nothing", "v=spf1 include: include:mail.example.net", "\"include:\" is no term" },
    { "include with equals", "v=spf1 include=mail.example.net", "is not in it" },
    { "redirect twice", "v=spf1 redirect=a.example redirect=mail.example.net", "is no term" },
    { "redirect with a sign", "v=spf1 ?redirect=mail.example.net", "is no term" },
    { "redirect with a colon", "v=spf1 redirect:mail.example.net", "is no term" },
    { "no IPv4 address", "v=spf1 ip4:300.0.0.1 include:mail.example.net", "\"ip4:300.0.0.1\" is no term" },
    { "IPv4 network too long", "v=spf1 ip4:192.0.2.1/33 include:mail.example.net", "is no term" },
    { "IPv4 network of nothing", "v=spf1 ip4:192.0.2.1/ include:mail.example.net", "is no term" },
    { "IPv6 as IPv4", "v=spf1 ip4:::1 include:mail.example.net", "is no term" },
    { "IPv6 network too long", "v=spf1 ip6:::1/129 include:mail.example.net", "is no term" },
    { "a network that is none", "v=spf1 a/x include:mail.example.net", "is no term" },
    { "a bare address", "v=spf1 192.0.2.1 include:mail.example.net", "\"192.0.2.1\" is no term" },
    { "8-bit", "v=spf1 caf\xE9 include:mail.example.net", "\"caf\\xe9\" is no term" },
    { "not SPF", "v=spf10 include:mail.example.net", "no SPF record" },
    { "Sender ID", "spf2.0/pra include:mail.example.net", "no SPF record" },
    { "empty", "", "no SPF record" },
};

static void judges(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = eg_spf_problem(cases[i].record, strlen(cases[i].record), HOST, *state);

        print_message("# %s: %s\n", cases[i].what, problem != NULL ? problem : "fine");
        if (cases[i].problem == NULL) {
            assert_null(problem);
        }
        else {
            assert_non_null(problem);
            assert_non_null(strstr(problem, cases[i].problem));
        }
    }
}

static void sees_bytes_behind_a_nul(void **state)
{
    static const char record[] = "v=spf1 include:mail.example.net\0 -all";

    assert_non_null(eg_spf_problem(record, sizeof record - 1, HOST, *state));
    assert_false(eg_spf_is_record("v=spf1\0", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(judges),
        EG_TEST(sees_bytes_behind_a_nul),
    };

    return EG_TEST_RUN(tests);
}
