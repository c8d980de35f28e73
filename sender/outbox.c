/*
 * Transport into a directory: one .eml file a recipient, its envelope in the
 * first line.
 *
 * A file appears whole or not at all: it is written under a name that begins
 * with a dot, flushed, then renamed. Its final name has no attempt number, so
 * a second delivery after a crash puts the same file in the same place.
 */
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"
#include "transport.h"

static apr_status_t check(const char **problem, const egs_options *options, apr_pool_t *pool)
{
    struct stat found;

    if (stat(options->outbox, &found) == 0 && !S_ISDIR(found.st_mode)) {
        errno = ENOTDIR;
    }
    else if (access(options->outbox, W_OK | X_OK) == 0) {
        return APR_SUCCESS;
    }
    *problem = apr_psprintf(pool, "outbox = %s: %s; it must be a directory that this user may write to",
                            options->outbox, strerror(errno));
    return APR_EINVAL;
}

static apr_status_t write_all(int fd, const void *data, apr_size_t size)
{
    const char *at = data;

    while (size) {
        ssize_t written = write(fd, at, size);

        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            at += written;
            size -= (apr_size_t)written;
        }
    }
    return APR_SUCCESS;
}

/* Envelope, message, and all of it on the disk. */
static apr_status_t write_content(int fd, const egs_job *job, apr_pool_t *pool)
{
    const char *envelope = apr_psprintf(pool, "X-Envelope: <%s> <%s>\r\n", job->return_path, job->recipient);
    apr_status_t rv = write_all(fd, envelope, strlen(envelope));

    if (rv == APR_SUCCESS) {
        rv = write_all(fd, job->message.data, job->message.size);
    }
    if (rv == APR_SUCCESS && fsync(fd)) {
        rv = errno;
    }
    return rv;
}

static apr_status_t write_file(const char *path, const char *temporary, const egs_job *job, apr_pool_t *pool)
{
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    apr_status_t rv;

    if (fd < 0) {
        return errno;
    }
    rv = write_content(fd, job, pool);
    if (close(fd) && rv == APR_SUCCESS) {
        rv = errno;
    }
    if (rv == APR_SUCCESS && rename(temporary, path)) {
        rv = errno;
    }
    if (rv != APR_SUCCESS) {
        unlink(temporary);
    }
    return rv;
}

/* Two owners of one job, one of them late, must not write into one file: so the attempt is in this name. */
static const char *temporary_path(const egs_job *job, int attempt, const egs_options *options,
                                  apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s/.%s-%d.%d", options->outbox, job->message_id, job->recipient_no, attempt);
}

/* What earlier attempts left when they were killed. */
static void remove_leftovers(const egs_job *job, const egs_options *options, apr_pool_t *pool)
{
    for (int attempt = 1; attempt < job->attempt; attempt++) {
        unlink(temporary_path(job, attempt, options, pool));
    }
}

static void deliver(egs_job *job, const egs_options *options, const eg_log *log, apr_pool_t *pool)
{
    const char *name = apr_psprintf(pool, "%s-%d.eml", job->message_id, job->recipient_no);
    const char *path = apr_pstrcat(pool, options->outbox, "/", name, NULL);
    apr_status_t rv = write_file(path, temporary_path(job, job->attempt, options, pool), job, pool);

    job->outcome.host = egs_transport_outbox.name;
    if (rv == APR_SUCCESS) {
        remove_leftovers(job, options, pool);
        job->outcome.result = EGS_DELIVERED;
        job->outcome.text = name;
        return;
    }
    eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0340) "cannot write %s", path);
    job->outcome.result = EGS_DEFERRED;
    job->outcome.retry_seconds = egs_policy_retry_seconds(job->attempt);
    job->outcome.text = apr_psprintf(pool, "cannot write to the outbox: %s", strerror(rv));
}

static apr_status_t sync_directory(const egs_options *options, const eg_log *log)
{
    int fd = open(options->outbox, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd < 0 || fsync(fd) ? errno : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0341) "cannot flush the directory %s", options->outbox);
    }
    return rv;
}

const egs_transport egs_transport_outbox = { "outbox", check, deliver, sync_directory };
