/* eg_csv_next and eg_suppressionlist_next: RFC 4180, and what stands in for it. */
#include <string.h>

#include <apr_strings.h>

#include "suppressionlist.h"
#include "testpool.h"

/* A text and its records: fields in brackets; a record that cannot be read is its line and "!". */
static const struct {
    const char *what, *text, *records;
} texts[] = {
    { "nothing", "", "" },
    { "a byte order mark alone", "\xEF\xBB\xBF", "" },
    { "blank lines", "\n \r\n\t\r", "" },
    { "one field", "a", "1[a]" },
    { "line ends of each kind", "a\nb\r\nc\rd", "1[a] 2[b] 3[c] 4[d]" },
    { "blanks around", " a\t, b c ,", "1[a][b c][]" },
    { "quoted", "\"a\", \" b \" ,\"\"", "1[a][ b ][]" },
    { "quotation marks, commas and lines in it", "\"a\"\"b,\r\nc\"\nd", "1[a\"b,\nc] 3[d]" },
    { "a quotation mark inside", "a\"b\"", "1[a\"b\"]" },
    { "behind the closing one", "\"a\"b,c\nd", "1! 2[d]" },
    { "not closed", "\"a\nb", "1! 2[b]" },
    { "not closed at the end", "a\n\"", "1[a] 2!" },
    { "byte order mark before a quotation mark", "\xEF\xBB\xBF\"a\"", "1[a]" },
};

static const char *records_of(const char *text, apr_pool_t *pool)
{
    const char *all = "";
    eg_csv_record record;
    eg_csv csv;

    eg_csv_open(&csv, text, strlen(text));
    while (eg_csv_next(&record, &csv, pool)) {
        all = apr_psprintf(pool, "%s%s%d%s", all, *all ? " " : "", record.line, record.problem ? "!" : "");
        for (int i = 0; record.problem == NULL && i < record.count; i++) {
            char *field = apr_pstrdup(pool, record.fields[i]);

            for (char *at = field; *at; at++) { /* a line end of two bytes is kept as its first */
                *at = *at == '\r' ? '\n' : *at;
            }
            all = apr_psprintf(pool, "%s[%s]", all, field);
        }
    }
    return all;
}

static void reads_records(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        print_message("# %s\n", texts[i].what);
        assert_string_equal(records_of(texts[i].text, *state), texts[i].records);
    }
}

static char *repeated(char c, size_t count, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, count + 1);

    memset(text, c, count);
    text[count] = '\0';
    return text;
}

static void bounds_fields(void **state)
{
    const char *most = repeated('x', EG_CSV_FIELD_MAX, *state);
    eg_csv_record record;
    eg_csv csv;

    assert_string_equal(records_of(apr_psprintf(*state, "%s\nb", most), *state),
                        apr_psprintf(*state, "1[%s] 2[b]", most));
    assert_string_equal(records_of(apr_psprintf(*state, "%sx\nb", most), *state), "1! 2[b]");
    assert_string_equal(records_of(apr_psprintf(*state, "\"%s\"\nb", most), *state), "1! 2[b]");
    most = repeated(',', 100, *state);
    eg_csv_open(&csv, most, strlen(most));
    assert_true(eg_csv_next(&record, &csv, *state));
    assert_int_equal(record.count, EG_CSV_FIELDS_MAX);
    assert_false(eg_csv_next(&record, &csv, *state));
}

/* A list and its entries: line, address and reason, or line and "!". */
static const struct {
    const char *what, *text, *entries;
} lists[] = {
    { "nothing", "", "" },
    { "addresses", "Ann@Example.org\nbob@example.org,spam", "1 Ann@example.org - 2 bob@example.org spam" },
    { "a header alone", "address,reason\n", "" },
    { "columns by their names", "at,Reason,EMAIL\nx,y,ann@example.org", "2 ann@example.org y" },
    { "no column for the reason", "email,at\nann@example.org,x", "2 ann@example.org -" },
    { "too few columns", "at,email\nx\ny,ann@example.org", "2! 3 ann@example.org -" },
    { "a second header", "email\nemail", "2!" },
    { "no header, no address", "Name,Town\n", "1!" },
    { "an international domain",
      "ann@b\xC3\xBC"
      "cher.example",
      "1 ann@xn--bcher-kva.example -" },
    { "a reason with a control character", "ann@example.org,\"a\nb\"", "1!" },
    { "a header line in an address", "\"ann@example.org\r\nBcc: b@example.org\"", "1!" },
};

static void reads_lists(void **state)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *all = "";
        eg_suppressionlist_entry entry;
        eg_suppressionlist list;

        print_message("# %s\n", lists[i].what);
        eg_suppressionlist_open(&list, lists[i].text, strlen(lists[i].text));
        while (eg_suppressionlist_next(&entry, &list, *state)) {
            assert_true((entry.address == NULL) == (entry.problem != NULL));
            all = entry.address == NULL
                      ? apr_psprintf(*state, "%s%s%d!", all, *all ? " " : "", entry.line)
                      : apr_psprintf(*state, "%s%s%d %s %s", all, *all ? " " : "", entry.line, entry.address,
                                     entry.reason ? entry.reason : "-");
        }
        assert_string_equal(all, lists[i].entries);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_records),
        EG_TEST(bounds_fields),
        EG_TEST(reads_lists),
    };

    return EG_TEST_RUN(tests);
}
