/* The transport outbox: files that are whole, under their final name alone. */
#include "testpool.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport.h"

static const char id[] = "0198c2f4-5b1e-7c3a-9d2e-0123456789ab";

static egs_options in_folder(const char *folder)
{
    return (egs_options){ .transport = "outbox", .outbox = folder };
}

static const char *make_folder(apr_pool_t *pool)
{
    char *folder = apr_pstrdup(pool, "/tmp/eg-outbox.XXXXXX");

    assert_non_null(mkdtemp(folder));
    return folder;
}

static egs_job job(int attempt, apr_pool_t *pool)
{
    return (egs_job){ .message_id = id,
                      .recipient_no = 2,
                      .attempt = attempt,
                      .recipient = "ann@example.org",
                      .return_path = "shop@example.com",
                      .pool = pool,
                      .message = { "Subject: x\r\n\r\nbody\r\n", 20 } };
}

static const char *content_of(const char *path, apr_pool_t *pool)
{
    char *buffer = apr_pcalloc(pool, 1000);
    apr_size_t size = 999;
    apr_file_t *file;

    assert_int_equal(apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool), APR_SUCCESS);
    assert_int_equal(apr_file_read(file, buffer, &size), APR_SUCCESS);
    assert_int_equal(apr_file_close(file), APR_SUCCESS);
    return buffer;
}

/* Removes the folder, which must hold no file but those named. */
static void remove_folder(const char *folder, const char *file, apr_pool_t *pool)
{
    if (file) {
        assert_int_equal(apr_file_remove(apr_pstrcat(pool, folder, "/", file, NULL), pool), APR_SUCCESS);
    }
    assert_int_equal(apr_dir_remove(folder, pool), APR_SUCCESS);
}

static void a_file_each(void **state)
{
    const char *folder = make_folder(*state), *name = apr_pstrcat(*state, id, "-2.eml", NULL), *problem;
    egs_options options = in_folder(folder);
    egs_job first = job(1, *state), again = job(3, *state);
    const egs_transport *outbox;
    const egs_plan *plan;
    egs_carrier *carrier;
    const char *path = apr_pstrcat(*state, folder, "/", name, NULL);

    assert_int_equal(egs_transport_choose(&outbox, &plan, &problem, &options, *state), APR_SUCCESS);
    assert_int_equal(outbox->open(&carrier, NULL, *state), APR_SUCCESS);
    assert_int_not_equal(outbox->room(carrier, plan, &first), 0);
    assert_null(outbox->finished(carrier));
    outbox->begin(carrier, plan, &first);
    outbox->work(carrier, 1, 0);
    assert_ptr_equal(outbox->finished(carrier), &first);
    assert_null(outbox->finished(carrier));
    assert_int_equal(first.outcome.result, EGS_DELIVERED);
    assert_string_equal(first.outcome.text, name);
    assert_int_equal(outbox->sync(carrier, plan), APR_SUCCESS);
    assert_string_equal(content_of(path, *state), "X-Envelope: <shop@example.com> <ann@example.org>\r\n"
                                                  "Subject: x\r\n\r\nbody\r\n");

    /* a second owner puts the same in the same place, and clears what the first left half done */
    assert_int_equal(
        close(open(apr_pstrcat(*state, folder, "/.", id, "-2.1", NULL), O_CREAT | O_WRONLY, 0600)), 0);
    outbox->begin(carrier, plan, &again);
    assert_int_equal(again.outcome.result, EGS_DELIVERED);
    remove_folder(folder, name, *state);
}

static void what_cannot_be_written_waits(void **state)
{
    const char *folder = make_folder(*state);
    egs_options options = in_folder(folder);
    const egs_transport *outbox;
    const egs_plan *plan;
    egs_carrier *carrier;
    const char *problem;
    egs_job second = job(2, *state);

    assert_int_equal(egs_transport_choose(&outbox, &plan, &problem, &options, *state), APR_SUCCESS);
    assert_int_equal(outbox->open(&carrier, NULL, *state), APR_SUCCESS);
    remove_folder(folder, NULL, *state);
    outbox->begin(carrier, plan, &second);
    assert_ptr_equal(outbox->finished(carrier), &second);
    assert_int_equal(second.outcome.result, EGS_DEFERRED);
    assert_non_null(strstr(second.outcome.text, "No such file"));
    assert_int_not_equal(outbox->sync(carrier, plan), APR_SUCCESS);
}

static const struct {
    const char *transport, *outbox, *problem;
} refused[] = {
    { "relay:a;b:25", "/tmp", "transport = relay:a;b:25: " },
    { "relay:::1:25", "/tmp", "transport = relay:::1:25: " },
    { "outboxes", "/tmp", "transport = outboxes: " },
    { "outbox", "/missing/outbox", "outbox = /missing/outbox: No such file" },
    { "outbox", "/dev/null", "outbox = /dev/null: Not a directory" },
};

static void unusable_options_are_refused(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        egs_options options = { .transport = refused[i].transport, .outbox = refused[i].outbox };
        const egs_transport *transport;
        const egs_plan *plan;
        const char *problem;

        assert_int_equal(egs_transport_choose(&transport, &plan, &problem, &options, *state), APR_EINVAL);
        assert_memory_equal(problem, refused[i].problem, strlen(refused[i].problem));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(a_file_each),
        EG_TEST(what_cannot_be_written_waits),
        EG_TEST(unusable_options_are_refused),
    };

    return EG_TEST_RUN(tests);
}
