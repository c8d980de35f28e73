/* eg_spool_*: lines that wait in files: in order, of whom, whole, and by whom they are read. */
#include "testpool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "spool.h"

#define ROOM (1024 * 1024 * 1024)

static const char *make_directory(apr_pool_t *pool)
{
    char *directory = apr_pstrdup(pool, "/tmp/spool_test.XXXXXX");

    assert_non_null(mkdtemp(directory));
    return directory;
}

static const apr_array_header_t *only_a(apr_pool_t *pool)
{
    apr_array_header_t *names = apr_array_make(pool, 1, sizeof(const char *));

    APR_ARRAY_PUSH(names, const char *) = "a";
    return names;
}

/* What readers were given: "name:text;" for each file. */
typedef struct {
    const char *seen;
    apr_pool_t *pool;
    apr_status_t rv; /* what they answer ... */
    const char *of;  /* ... for this name; NULL: for all */
} reading;

static apr_status_t note(void *baton, const eg_spool_file *file, apr_pool_t *pool)
{
    reading *r = baton;

    (void)pool;
    r->seen = apr_pstrcat(r->pool, r->seen, file->name, ":",
                          apr_pstrmemdup(r->pool, file->text, file->length), ";", NULL);
    return r->of == NULL || strcmp(r->of, file->name) == 0 ? r->rv : APR_SUCCESS;
}

static const char *read_all(eg_spool *spool, apr_status_t rv, const char *of, apr_pool_t *pool)
{
    reading r = { .seen = "", .pool = pool, .rv = rv, .of = of };

    eg_spool_read(spool, NULL, note, &r, pool);
    return r.seen;
}

static int count_files(const char *directory, apr_pool_t *pool)
{
    apr_finfo_t about;
    apr_dir_t *dir;
    int count = 0;

    assert_int_equal(apr_dir_open(&dir, directory, pool), APR_SUCCESS);
    while (apr_dir_read(&about, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        count += about.name[0] != '.';
    }
    apr_dir_close(dir);
    return count;
}

static void remove_all(const char *directory, apr_pool_t *pool)
{
    apr_finfo_t about;
    apr_dir_t *dir;

    assert_int_equal(apr_dir_open(&dir, directory, pool), APR_SUCCESS);
    while (apr_dir_read(&about, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (about.name[0] != '.') {
            unlink(apr_pstrcat(pool, directory, "/", about.name, NULL));
        }
    }
    apr_dir_close(dir);
    rmdir(directory);
}

static void lines_come_back(void **state)
{
    const char *directory = make_directory(*state);
    eg_spool *spool;

    assert_int_equal(eg_spool_make(&spool, directory, *state), APR_SUCCESS);
    assert_int_equal(eg_spool_waits(spool, NULL, *state), 0);
    assert_int_equal(eg_spool_add(spool, "a", "1\n", 1, ROOM), APR_SUCCESS);
    assert_int_equal(eg_spool_add(spool, "a", "2\n", 0, ROOM), APR_SUCCESS);
    apr_sleep(2000); /* so that the next file's name tells that it is younger */
    assert_int_equal(eg_spool_add(spool, "b", "3\n", 0, ROOM), APR_SUCCESS);
    assert_int_equal(eg_spool_waits(spool, NULL, *state), 1);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), ""); /* they are being written */
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:1\n2\n;b:3\n;");
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "");
    assert_int_equal(eg_spool_waits(spool, NULL, *state), 0);
    assert_int_equal(eg_spool_add(spool, "a", "4\n", 1, ROOM), APR_SUCCESS);
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:4\n;");
    remove_all(directory, *state);
}

static void what_fails_comes_again(void **state)
{
    const char *directory = make_directory(*state);
    eg_spool *spool;

    eg_spool_make(&spool, directory, *state);
    eg_spool_add(spool, "a", "1\n", 0, ROOM);
    eg_spool_close(spool);
    apr_sleep(2000); /* so that the next file's name tells that it is younger */
    eg_spool_add(spool, "a", "2\n", 0, ROOM);
    eg_spool_add(spool, "b", "3\n", 0, ROOM);
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_EGENERAL, "a", *state), "a:1\n;b:3\n;");
    assert_string_equal(read_all(spool, APR_SUCCESS, "a", *state), "a:1\n;a:2\n;");
    remove_all(directory, *state);
}

static void what_is_refused_is_kept(void **state)
{
    const char *directory = make_directory(*state);
    eg_spool *spool;

    eg_spool_make(&spool, directory, *state);
    eg_spool_add(spool, "a", "1\n", 0, ROOM);
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_EINVAL, NULL, *state), "a:1\n;");
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "");
    assert_int_equal(count_files(directory, *state), 1);
    remove_all(directory, *state);
}

/* Half a line was never answered; nothing is glued to it. */
static void a_torn_line_is_none(void **state)
{
    const char *directory = make_directory(*state), *path;
    eg_spool *spool;
    int fd;

    eg_spool_make(&spool, directory, *state);
    path = apr_pstrcat(*state, directory, "/a-01980000-0000-7000-8000-000000000001.spool", NULL);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "1\n2", 3), 3);
    close(fd);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:1\n;");
    assert_int_equal(count_files(directory, *state), 0);
    remove_all(directory, *state);
}

static void of_whom_can_be_said(void **state)
{
    const char *directory = make_directory(*state);
    reading r = { .seen = "", .pool = *state, .rv = APR_SUCCESS };
    eg_spool *spool;

    eg_spool_make(&spool, directory, *state);
    eg_spool_add(spool, "c", "1\n", 0, ROOM);
    eg_spool_close(spool);
    assert_int_equal(eg_spool_waits(spool, only_a(*state), *state), 0);
    eg_spool_read(spool, only_a(*state), note, &r, *state);
    assert_string_equal(r.seen, "");
    assert_int_equal(eg_spool_waits(spool, NULL, *state), 1);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "c:1\n;");
    remove_all(directory, *state);
}

/* Another process has it, until it dies: then its lines are there. */
static void the_dead_let_go(void **state)
{
    const char *directory = make_directory(*state);
    eg_spool *spool;
    int pipes[2], status;
    char byte;
    pid_t pid;

    eg_spool_make(&spool, directory, *state);
    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        eg_spool *own;

        eg_spool_make(&own, directory, *state);
        eg_spool_add(own, "a", "1\n", 1, ROOM);
        status = write(pipes[1], "x", 1) == 1;
        alarm(10); /* the test may fail, and never kill it */
        pause();
        _exit(status);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:1\n;");
    close(pipes[0]);
    close(pipes[1]);
    remove_all(directory, *state);
}

static void files_have_an_end(void **state)
{
    const char *directory = make_directory(*state);
    char *line = apr_palloc(*state, 1024 * 1024 + 1);
    eg_spool *spool;

    memset(line, 'x', 1024 * 1024);
    line[1024 * 1024 - 1] = '\n';
    line[1024 * 1024] = '\0';
    eg_spool_make(&spool, directory, *state);
    for (int i = 0; i < 2 * EG_SPOOL_FILE_MAX / (1024 * 1024) + 1; i++) {
        assert_int_equal(eg_spool_add(spool, "a", line, 0, ROOM), APR_SUCCESS);
    }
    assert_int_equal(count_files(directory, *state), 3);
    remove_all(directory, *state);
}

/* A full disk takes a part of a line: that is told, and the next line stands in a file of its own. */
static void a_full_disk_is_told(void **state)
{
    const char *directory = make_directory(*state);
    struct rlimit full = { 5, RLIM_INFINITY }, before;
    eg_spool *spool;

    eg_spool_make(&spool, directory, *state);
    getrlimit(RLIMIT_FSIZE, &before);
    full.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &full);
    assert_int_equal(eg_spool_add(spool, "a", "12\n", 0, ROOM), APR_SUCCESS);
    assert_int_not_equal(eg_spool_add(spool, "a", "3456\n", 0, ROOM), APR_SUCCESS);
    apr_sleep(2000); /* so that the next file's name tells that it is younger */
    assert_int_equal(eg_spool_add(spool, "a", "78\n", 0, ROOM), APR_SUCCESS);
    setrlimit(RLIMIT_FSIZE, &before);
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:12\n;a:78\n;");
    remove_all(directory, *state);
}

/* All files count, whoever wrote them; what was added since they were measured does, too. */
static void there_is_an_end(void **state)
{
    const char *directory = make_directory(*state);
    eg_spool *spool;
    int fd = open(apr_pstrcat(*state, directory, "/of-another", NULL), O_WRONLY | O_CREAT, 0600);

    assert_int_equal(ftruncate(fd, 100), 0);
    close(fd);
    eg_spool_make(&spool, directory, *state);
    assert_int_equal(eg_spool_add(spool, "a", "123456789\n", 0, 109), EG_SPOOL_FULL);
    assert_int_equal(count_files(directory, *state), 1);
    assert_int_equal(eg_spool_add(spool, "a", "123456789\n", 0, 110), APR_SUCCESS);
    assert_int_equal(eg_spool_add(spool, "a", "123456789\n", 0, 119), EG_SPOOL_FULL);
    apr_sleep(2000); /* so that the next file's name tells that it is younger */
    assert_int_equal(eg_spool_add(spool, "b", "123456789\n", 0, 120), APR_SUCCESS);
    unlink(apr_pstrcat(*state, directory, "/of-another", NULL));
    assert_int_equal(eg_spool_add(spool, "a", "1\n", 0, 110), EG_SPOOL_FULL);
    apr_sleep(1100000); /* then it looks again */
    assert_int_equal(eg_spool_add(spool, "a", "1\n", 0, 22), APR_SUCCESS);
    eg_spool_close(spool);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "a:123456789\n1\n;b:123456789\n;");
    remove_all(directory, *state);
}

static void a_directory_must_be_there(void **state)
{
    eg_spool *spool;

    assert_int_equal(eg_spool_make(&spool, "/tmp/spool_test.none", *state), APR_SUCCESS);
    assert_int_not_equal(eg_spool_add(spool, "a", "1\n", 0, ROOM), APR_SUCCESS);
    assert_int_equal(eg_spool_waits(spool, NULL, *state), 0);
    assert_string_equal(read_all(spool, APR_SUCCESS, NULL, *state), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(lines_come_back),           EG_TEST(what_fails_comes_again), EG_TEST(what_is_refused_is_kept),
        EG_TEST(a_torn_line_is_none),       EG_TEST(of_whom_can_be_said),    EG_TEST(the_dead_let_go),
        EG_TEST(files_have_an_end),         EG_TEST(a_full_disk_is_told),    EG_TEST(there_is_an_end),
        EG_TEST(a_directory_must_be_there),
    };

    return EG_TEST_RUN(tests);
}
