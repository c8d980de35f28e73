/* Lines gathered for the sender's log: whole, in order, and written when they are said to be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "senderlog.h"
#include "testpool.h"

#define LINES 300 /* many times what is gathered at once */

typedef struct {
    char path[40];
    eg_log log;
} opened;

static opened open_log(apr_pool_t *pool)
{
    opened made = { .path = "/tmp/senderlog_test.XXXXXX" };
    egs_senderlog *file;
    int fd = mkstemp(made.path);

    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(egs_senderlog_open(&file, made.path, pool), APR_SUCCESS);
    made.log = egs_senderlog_view(file, EG_LOG_INFO);
    return made;
}

/* How many lines there are, each of which ends with its number. */
static int count_lines(const opened *from)
{
    FILE *file = fopen(from->path, "r");
    char line[5000], end[40];
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        snprintf(end, sizeof end, " no %d\n", count);
        assert_true(strlen(line) > strlen(end));
        assert_string_equal(line + strlen(line) - strlen(end), end);
        assert_non_null(strstr(line, " info EG0001: "));
        count++;
    }
    fclose(file);
    return count;
}

static void gathers(void **state)
{
    opened made = open_log(*state);
    egs_senderlog_lines lines;
    eg_log log = egs_senderlog_gather(&lines, &made.log);

    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0001) "no %d", 0);
    eg_log_at(&log, EG_LOG_DEBUG, APR_SUCCESS, EGLOGNO(0001) "over the level");
    assert_int_equal(count_lines(&made), 0);
    for (int i = 1; i < LINES; i++) {
        eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0001) "%*s no %d", i * 17 % 3900, "", i);
    }
    assert_in_range(count_lines(&made), LINES / 2, LINES - 1);
    egs_senderlog_flush(&lines);
    assert_int_equal(count_lines(&made), LINES);
    egs_senderlog_flush(&lines);
    assert_int_equal(count_lines(&made), LINES);
    unlink(made.path);
}

/* What has no place behind others comes after them. */
static void takes_long_lines(void **state)
{
    opened made = open_log(*state);
    egs_senderlog_lines lines;
    eg_log log = egs_senderlog_gather(&lines, &made.log);

    for (int i = 0; i < 3; i++) {
        eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0001) "no %d", i);
    }
    eg_log_at(&log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0001) "%*s no %d", 4000 - (int)strlen("EG0001:  no 3"),
              "", 3);
    assert_int_equal(count_lines(&made), 3);
    egs_senderlog_flush(&lines);
    assert_int_equal(count_lines(&made), 4);
    unlink(made.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(gathers),
        EG_TEST(takes_long_lines),
    };

    return EG_TEST_RUN(tests);
}
