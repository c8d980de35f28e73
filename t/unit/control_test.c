/* egs_control: the pid file, and that threads may call for it while others use the pool. */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_strings.h>

#include "control.h"

static egs_control *make_control(const char *pid_file, apr_pool_t *pool)
{
    egs_options *options = apr_pcalloc(pool, sizeof *options);
    egs_settings *settings;
    egs_control *control;
    apr_pool_t *own;

    assert_int_equal(apr_pool_create_unmanaged_ex(&own, NULL, NULL), APR_SUCCESS);
    options->pid_file = pid_file;
    settings = apr_pcalloc(own, sizeof *settings);
    *settings = (egs_settings){ .options = options, .pool = own, .users = 1 };
    assert_int_equal(egs_control_new(&control, settings, NULL, pool), APR_SUCCESS);
    return control;
}

static void writes_the_pid_file(void **state)
{
    apr_pool_t *pool;
    char *path = apr_pstrdup(*state, "/tmp/control_test.XXXXXX"), *before, *after;
    egs_control *control;
    FILE *file;
    long pid = 0;

    assert_int_equal(apr_pool_create(&pool, *state), APR_SUCCESS);
    close(mkstemp(path));
    control = make_control(path, pool);
    before = apr_palloc(pool, 8);
    egs_control_ready(control, NULL);
    after = apr_palloc(pool, 8);
    assert_ptr_equal(after, before + 8); /* main's pool has no lock */
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &pid), 1);
    fclose(file);
    assert_int_equal(pid, getpid());
    assert_int_equal(access(apr_pstrcat(*state, path, ".new", NULL), F_OK), -1);
    apr_pool_destroy(pool);
    assert_int_equal(access(path, F_OK), -1); /* it goes with the process */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(writes_the_pid_file),
    };

    return EG_TEST_RUN(tests);
}
