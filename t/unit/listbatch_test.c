/* eg_listbatch_add: a mail for each subscriber, what that costs, and what stays of one that is too large. */
#include "testpool.h"

#include <stdio.h>
#include <string.h>

#include <apr_strings.h>
#include <libpq-fe.h>

#include "dbcall.h"
#include "listbatch.h"

#define KEPT_MAX (30 * 1024) /* kB that may stay of many mails that come to nothing */

static PGresult *targets_without_rows(void)
{
    static const char *const names[] = { "subscriber_id", "email", "name", "fields", "suppressed" };
    PGresAttDesc columns[sizeof names / sizeof *names] = { { 0 } };
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        columns[i].name = (char *)names[i];
    }
    assert_true(PQsetResultAttrs(result, sizeof names / sizeof *names, columns));
    return result;
}

static void set(PGresult *result, int row, int column, const char *text)
{
    assert_true(PQsetvalue(result, row, column, (char *)text, (int)strlen(text)));
}

/* Subscribers 1 to count, as sql get_list_targets gives them. @param each  x of each; a suppressed one has none */
static eg_rows *targets(int count, const char *const *each, apr_pool_t *pool)
{
    PGresult *result = targets_without_rows();

    for (int row = 0; row < count; row++) {
        set(result, row, 0, apr_itoa(pool, row + 1));
        set(result, row, 1, apr_psprintf(pool, "s%d@example.org", row + 1));
        set(result, row, 2, apr_psprintf(pool, "N%d", row + 1));
        set(result, row, 3, each[row] != NULL ? apr_psprintf(pool, "{\"x\": \"%s\"}", each[row]) : "{}");
        set(result, row, 4, each[row] != NULL ? "f" : "t");
    }
    return eg_rows_own(result, pool);
}

static const char *repeated(const char *text, int times, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    char *all = apr_palloc(pool, length * (apr_size_t)times + 1);

    for (int i = 0; i < times; i++) {
        memcpy(all + length * (apr_size_t)i, text, length);
    }
    all[length * (apr_size_t)times] = '\0';
    return all;
}

/* "1:Hi N1|a|s1@example.org 2:...": number, subject and contents of what was made. */
static const char *made(const eg_listbatch *batch, apr_pool_t *pool)
{
    const char *all = "";
    const json_t *mail;
    size_t i;

    json_array_foreach(batch->mails, i, mail)
    {
        int no;
        const char *subject, *html, *plain;

        assert_int_equal(json_unpack((json_t *)mail, "{s:i, s:s, s:s, s:s}", "no", &no, "subject", &subject,
                                     "html", &html, "plain", &plain),
                         0);
        all = apr_psprintf(pool, "%s%s%d:%s|%s|%s", all, i > 0 ? " " : "", no, subject, html, plain);
    }
    return all;
}

static void makes_one_for_each(void **state)
{
    static const char *const each[] = { "a", NULL, "<" };
    const eg_listmail mail = { "Hi {{ name }}", "{{ x }}", "{{ email }}", NULL, 100 };
    eg_listbatch batch;

    eg_listbatch_init(&batch, 7, *state);
    assert_int_equal(eg_listbatch_add(&batch, &mail, targets(3, each, *state), 1000, *state), 3);
    assert_string_equal(made(&batch, *state), "8:Hi N1|a|s1@example.org 9:Hi N3|&lt;|s3@example.org");
    assert_int_equal(batch.passed, 9);
    assert_int_equal(batch.suppressed, 1);
    assert_int_equal(batch.failed, 0);
    assert_int_equal(batch.after, 3);
    assert_int_equal(batch.bytes, 1 + 4 + 2 * strlen("s1@example.org"));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(batch.mails, 0), "size")), 100 + 15);
}

static void ends_with_what_is_more(void **state)
{
    static const char *const each[] = { "0123456789", "0123456789", "0123456789" };
    const eg_listmail mail = { "S", "{{ x }}", NULL, NULL, 0 };
    eg_listbatch batch;

    eg_listbatch_init(&batch, 0, *state);
    assert_int_equal(eg_listbatch_add(&batch, &mail, targets(3, each, *state), 19, *state), 2);
    assert_int_equal(batch.bytes, 20);
    assert_int_equal(batch.after, 2);
}

/* The most memory that this process has had, in kB. */
static long peak(void)
{
    char line[200];
    long most = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "VmHWM: %ld", &most);
    }
    fclose(file);
    return most;
}

/* Contents that fit beside others that do not: nothing of them stays, and all that was filled in counts. */
static void keeps_nothing_of_what_fails(void **state)
{
    enum { COUNT = 100, TIMES = 2000 };
    const char *each[COUNT], *x = repeated("x", 1000, *state);
    const eg_listmail mail = { "S", repeated("{{ x }}", TIMES, *state),
                               repeated("{{ x }}", 2 * TIMES, *state), NULL, 0 };
    eg_rows *rows;
    eg_listbatch batch;
    long before;

    for (int i = 0; i < COUNT; i++) {
        each[i] = x;
    }
    rows = targets(COUNT, each, *state);
    eg_listbatch_init(&batch, 0, *state);
    before = peak();
    assert_int_equal(eg_listbatch_add(&batch, &mail, rows, APR_SIZE_MAX, *state), COUNT);
    print_message("# memory: %ld kB before, %ld kB at most\n", before, peak());
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
    assert_true(peak() - before < KEPT_MAX);
#endif
    assert_int_equal(batch.failed, COUNT);
    assert_int_equal(batch.passed, 0);
    assert_int_equal(json_array_size(batch.mails), 0);
    assert_int_equal(batch.bytes, COUNT * (1000 * TIMES + EG_LIST_MAIL_MAX));

    eg_listbatch_init(&batch, 0, *state);
    assert_int_equal(eg_listbatch_add(&batch, &mail, rows, 4 * 1024 * 1024, *state), 2);
    assert_int_equal(batch.failed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(makes_one_for_each),
        EG_TEST(ends_with_what_is_more),
        EG_TEST(keeps_nothing_of_what_fails),
    };

    return EG_TEST_RUN(tests);
}
