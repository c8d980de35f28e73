/* fieldlist.h: names of header fields, as mails are stored with them (RFC 5322 section 1.2.2: letter case does not count). */
#include "testpool.h"

#include "fieldlist.h"
#include "json.h"

static const struct {
    const char *name, *pattern;
    int is;
} names[] = {
    { "Subject", "Subject", 1 },   { "sUBJECT", "Subject", 1 },          { "Subject-Line", "Subject", 0 },
    { "Sub", "Subject", 0 },       { "Content-Type", "Content-*", 1 },   { "content-", "Content-*", 1 },
    { "Content", "Content-*", 0 }, { "X-Content-Type", "Content-*", 0 }, { "", "Subject", 0 },
};

static void knows_names_and_their_beginnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        print_message("# %s, %s\n", names[i].name, names[i].pattern);
        assert_int_equal(eg_field_is(names[i].name, names[i].pattern), names[i].is);
    }
}

static void finds_a_field_in_a_list(void **state)
{
    json_t *fields =
        eg_json_own(json_pack("[[s, s], [s, s], []]", "X-A", "b", "list-unsubscribe-post", "c"), *state);

    assert_true(eg_fieldlist_has(fields, "x-a"));
    assert_true(eg_fieldlist_has(fields, "List-Unsubscribe*"));
    assert_false(eg_fieldlist_has(fields, "List-Unsubscribe"));
    assert_false(eg_fieldlist_has(NULL, "X-A"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_names_and_their_beginnings),
        EG_TEST(finds_a_field_in_a_list),
    };

    return EG_TEST_RUN(tests);
}
