/* eg_linkpage_*: pages that nothing can be put into. */
#include "testpool.h"

#include <string.h>

#include "linkpage.h"

static const struct {
    const char *email, *masked;
} addresses[] = {
    { "ann@example.org", "a***@e***.org" },
    { "a@b.c.example", "a***@b***.example" },
    { "\xc3\xbcmit@b\xc3\xbc"
      "cher.example",
      "\xc3\xbc***@b***.example" },
    { "\"a@b\"@example.org", "\"***@e***.org" },
    { "ann@localhost", "a***@l***" },
    { "@", "***@***" },
    { "", "***" },
    { "nobody", "***" },
};

static void masks(void **state)
{
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        print_message("# %s\n", addresses[i].email);
        assert_string_equal(eg_linkpage_mask(addresses[i].email, *state), addresses[i].masked);
    }
}

static void nothing_gets_in(void **state)
{
    const char *const pages[] = {
        eg_linkpage_ask("<script>@<b>.\"x", "<i>'&\"", *state),
        eg_linkpage_done("<script>@<b>.\"x", "<i>'&\"", *state),
    };

    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        assert_null(strstr(pages[i], "<script"));
        assert_null(strstr(pages[i], "<b>"));
        assert_null(strstr(pages[i], "<i>"));
        assert_null(strstr(pages[i], "<***"));
        assert_non_null(strstr(pages[i], "<strong>&lt;***@&lt;***."));
        assert_non_null(strstr(pages[i], "<strong>&lt;i&gt;"));
    }
}

static void speaks_of_the_sender_where_nobody_is_known(void **state)
{
    assert_non_null(strstr(eg_linkpage_ask(NULL, NULL, *state), "no more mails from this sender?"));
    assert_non_null(strstr(eg_linkpage_done(NULL, NULL, *state), "no more mails from this sender."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(masks),
        EG_TEST(nothing_gets_in),
        EG_TEST(speaks_of_the_sender_where_nobody_is_known),
    };

    return EG_TEST_RUN(tests);
}
