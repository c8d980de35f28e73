/* eg_edits_make: what is put in, and what overlaps. */
#include "testpool.h"

#include <string.h>

#include "edits.h"

static const struct {
    const char *what;
    struct {
        int at, removed;
        const char *added;
    } edits[4]; /* up to one that adds NULL */
    const char *made;
} cases[] = {
    { "none", { { 0 } }, "0123456789" },
    { "out of order", { { 8, 1, "eight" }, { 2, 2, "" }, { 10, 0, "end" } }, "014567eight9end" },
    { "before what is replaced", { { 2, 1, "two" }, { 2, 0, "<" }, { 2, 0, ">" } }, "01<>two3456789" },
    { "one behind the other", { { 2, 2, "a" }, { 4, 2, "b" } }, "01ab6789" },
    { "the same twice", { { 2, 3, "a" }, { 2, 3, "bb" } }, "01a56789" },
    { "one within another", { { 2, 6, "a" }, { 4, 1, "bb" }, { 8, 1, "c" } }, "01ac9" },
    { "put into what is replaced", { { 2, 6, "a" }, { 4, 0, "bb" } }, "01a89" },
    { "over the end of another", { { 2, 3, "a" }, { 4, 6, "bb" } }, "01a56789" },
};

static void makes_what_does_not_overlap(void **state)
{
    static const char text[] = "0123456789";

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_edits edits;
        eg_bytes made;

        print_message("# %s\n", cases[i].what);
        eg_edits_init(&edits, text, strlen(text), *state);
        for (int n = 0; n < 4 && cases[i].edits[n].added != NULL; n++) {
            eg_edits_replace(&edits, text + cases[i].edits[n].at, (apr_size_t)cases[i].edits[n].removed,
                             cases[i].edits[n].added);
        }
        made = eg_edits_make(&edits, *state);
        assert_int_equal(made.size, strlen(cases[i].made));
        assert_string_equal(made.data, cases[i].made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(makes_what_does_not_overlap) };

    return EG_TEST_RUN(tests);
}
