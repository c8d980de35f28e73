/*
 * Transport into a directory: one .eml file a recipient, its envelope in the
 * first line.
 *
 * A file appears whole or not at all: it is written under a name that begins
 * with a dot, flushed, then renamed. Its final name has no attempt number, so
 * a second delivery after a crash puts the same file in the same place.
 *
 * Addresses of the simulator end as they are named.
 */
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "simulator.h"
#include "transport.h"

struct egs_plan {
    const char *folder;
};

/* An attempt is over as soon as it is begun, but for the slow ones. */
struct egs_carrier {
    egs_jobs finished;
    egs_jobs slow; /* in the order in which they began, which is that in which they end */
    const eg_log *log;
};

static apr_status_t prepare(const egs_plan **plan, const char **problem, const egs_options *options,
                            apr_pool_t *pool)
{
    egs_plan *made = apr_palloc(pool, sizeof *made);
    struct stat found;

    if (stat(options->outbox, &found) == 0 && !S_ISDIR(found.st_mode)) {
        errno = ENOTDIR;
    }
    else if (access(options->outbox, W_OK | X_OK) == 0) {
        made->folder = options->outbox;
        *plan = made;
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
static const char *temporary_path(const egs_job *job, int attempt, const egs_plan *plan)
{
    return apr_psprintf(job->pool, "%s/.%s-%d.%d", plan->folder, job->message_id, job->recipient_no, attempt);
}

/* What earlier attempts left when they were killed. */
static void remove_leftovers(const egs_job *job, const egs_plan *plan)
{
    for (int attempt = 1; attempt < job->attempt; attempt++) {
        unlink(temporary_path(job, attempt, plan));
    }
}

static void deliver(egs_job *job, const egs_plan *plan, const eg_log *log)
{
    const char *name = apr_psprintf(job->pool, "%s-%d.eml", job->message_id, job->recipient_no);
    const char *path = apr_pstrcat(job->pool, plan->folder, "/", name, NULL);
    apr_status_t rv = write_file(path, temporary_path(job, job->attempt, plan), job, job->pool);

    job->outcome.host = egs_transport_outbox.name;
    if (rv == APR_SUCCESS) {
        remove_leftovers(job, plan);
        job->outcome.result = EGS_DELIVERED;
        job->outcome.text = name;
        return;
    }
    eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0340) "cannot write %s", path);
    job->outcome.result = EGS_DEFERRED;
    job->outcome.text = apr_psprintf(job->pool, "cannot write to the outbox: %s", strerror(rv));
}

static apr_status_t open_carrier(egs_carrier **carrier, const eg_log *log, apr_pool_t *pool)
{
    *carrier = apr_pcalloc(pool, sizeof **carrier);
    (*carrier)->log = log;
    return APR_SUCCESS;
}

static int room(egs_carrier *carrier, const egs_plan *plan, const egs_job *job)
{
    (void)carrier;
    (void)plan;
    (void)job;
    return INT_MAX;
}

static void begin(egs_carrier *carrier, const egs_plan *plan, egs_job *job)
{
    egs_simulated way = egs_simulator_way(job->recipient);

    if (way == EGS_SIMULATED_BOUNCE || way == EGS_SIMULATED_DEFER) {
        job->outcome = egs_simulator_answer(way);
    }
    else {
        deliver(job, plan, carrier->log);
        job->outcome.complaint = way == EGS_SIMULATED_COMPLAINT;
    }
    egs_jobs_add(way == EGS_SIMULATED_SLOW ? &carrier->slow : &carrier->finished, job);
}

/* Only slow ones are waited for: their server has the mail, and takes its time to say so. */
static void work(egs_carrier *carrier, int places, apr_interval_time_t wait)
{
    (void)places;
    egs_job *job = carrier->slow.first;
    apr_time_t left = job ? job->begun + EGS_SIMULATOR_SLOW - egs_clock() : 0;

    if (carrier->finished.first) {
        return;
    }
    if (job && left > 0) {
        apr_sleep(left < wait ? left : wait);
    }
    while ((job = carrier->slow.first) && egs_clock() >= job->begun + EGS_SIMULATOR_SLOW) {
        egs_jobs_add(&carrier->finished, egs_jobs_take(&carrier->slow));
    }
}

static egs_job *finished(egs_carrier *carrier)
{
    return egs_jobs_take(&carrier->finished);
}

static apr_status_t sync_directory(egs_carrier *carrier, const egs_plan *plan)
{
    int fd = open(plan->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = fd < 0 || fsync(fd) ? errno : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    if (rv != APR_SUCCESS) {
        eg_log_at(carrier->log, EG_LOG_ERR, rv, EGLOGNO(0341) "cannot flush the directory %s", plan->folder);
    }
    return rv;
}

const egs_transport egs_transport_outbox = {
    .name = "outbox",
    .prepare = prepare,
    .open = open_carrier,
    .room = room,
    .begin = begin,
    .work = work,
    .finished = finished,
    .sync = sync_directory,
};
