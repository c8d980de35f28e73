/* eg_csv_rows: RFC 4180, and what keeps a spreadsheet from calculating. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "csvwrite.h"

static const struct {
    const char *what, *cell, *out;
} cases[] = {
    { "nothing", "", "" },
    { "no cell", NULL, "" },
    { "words", "two words", "two words" },
    { "a comma", "a,b", "\"a,b\"" },
    { "a quotation mark", "say \"hi\"", "\"say \"\"hi\"\"\"" },
    { "line ends", "a\r\nb\nc\rd", "\"a\r\nb\nc\rd\"" },
    { "blanks at the ends", " a ", "\" a \"" },
    { "a tab inside", "a\tb", "a\tb" },
    { "a tab at the end", "a\t", "\"a\t\"" },
    { "other letters",
      "Gr\xC3\xBC\xC3\x9F"
      "e",
      "Gr\xC3\xBC\xC3\x9F"
      "e" },
    { "=", "=1+1", "'=1+1" },
    { "+", "+1", "'+1" },
    { "-", "-1", "'-1" },
    { "@", "@SUM(A1)", "'@SUM(A1)" },
    { "a tab", "\t=1", "'\t=1" },
    { "CR", "\r=1", "\"'\r=1\"" },
    { "behind a blank", " =1", "\"' =1\"" },
    { "behind several", "  \n +1", "\"'  \n +1\"" },
    { "behind a quotation mark", "\"=1\"", "\"'\"\"=1\"\"\"" },
    { "behind an apostrophe", "'=1", "''=1" },
    { "with a comma", "=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
    { "inside only", "a=1", "a=1" },
    { "an address", "ann@example.org", "ann@example.org" },
};

static void cells(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *row[] = { "x", cases[i].cell, "y" };
        apr_size_t size = 0;
        const char *out = eg_csv_rows(&size, row, 3, 3, *state);
        const char *wanted = apr_pstrcat(*state, "x,", cases[i].out, ",y\r\n", NULL);

        print_message("# %s\n", cases[i].what);
        assert_int_equal(size, strlen(wanted));
        assert_memory_equal(out, wanted, size);
    }
}

static void rows(void **state)
{
    const char *four[] = { "a", "b", "c", NULL };
    apr_size_t size = 1;
    const char *out = eg_csv_rows(&size, four, 4, 2, *state);

    assert_int_equal(size, 9);
    assert_memory_equal(out, "a,b\r\nc,\r\n", 9);
    eg_csv_rows(&size, four, 0, 2, *state);
    assert_int_equal(size, 0);
}

/* Bytes are counted before they are written: the worst that a cell can be is made of quotation marks. */
static void sizes(void **state)
{
    for (apr_size_t length = 2; length < 3000; length = length * 2 + 1) {
        char *cell = memset(apr_pcalloc(*state, length + 1), '"', length);
        const char *row[] = { cell, cell };
        apr_size_t size = 0;

        cell[length - 1] = '=';
        eg_csv_rows(&size, row, 2, 2, *state);
        assert_int_equal(size, 2 * (2 * (length - 1) + 1 + 3) + 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(cells),
        EG_TEST(rows),
        EG_TEST(sizes),
    };

    return EG_TEST_RUN(tests);
}
