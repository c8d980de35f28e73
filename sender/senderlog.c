/*
 * The sender's log file: one line, one write(2), or some lines gathered into one.
 */
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "datetime.h"
#include "senderlog.h"

#define LINE_SIZE 4400 /* eg_log_at's 4,000 bytes, what stands before, and the cause */

struct egs_senderlog {
    int fd; /* keeps its number for ever: a reopened file is put under it */
};

static int open_path(const char *path)
{
    if (!strcmp(path, "-")) {
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

static apr_status_t close_file(void *baton)
{
    egs_senderlog *file = baton;

    return close(file->fd) ? errno : APR_SUCCESS;
}

apr_status_t egs_senderlog_open(egs_senderlog **file, const char *path, apr_pool_t *pool)
{
    int fd = open_path(path);

    if (fd < 0) {
        return errno;
    }
    *file = apr_palloc(pool, sizeof **file);
    (*file)->fd = fd;
    apr_pool_cleanup_register(pool, *file, close_file, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

apr_status_t egs_senderlog_reopen(egs_senderlog *file, const char *path)
{
    int fd = open_path(path);
    apr_status_t rv = fd < 0 || dup3(fd, file->fd, O_CLOEXEC) < 0 ? errno : APR_SUCCESS;

    if (fd >= 0) {
        close(fd);
    }
    return rv;
}

/* The cause, where one is known: eg_db_call's own have been logged by it. */
static const char *cause(char *buffer, size_t size, apr_status_t rv)
{
    char text[200];

    if (rv == APR_SUCCESS || rv >= APR_OS_START_USERERR) {
        return "";
    }
    snprintf(buffer, size, ": %s", apr_strerror(rv, text, sizeof text));
    return buffer;
}

/* @return octets, with the line feed; at most LINE_SIZE - 1 */
static size_t format_line(char line[LINE_SIZE], eg_log_level level, apr_status_t rv, const char *text)
{
    static const char *const levels[] = { "err", "warn", "info", "debug" };
    char when[EG_DATETIME_SIZE], why[210];
    int length = snprintf(line, LINE_SIZE, "%s %s %s%s\n", eg_datetime_format(when, apr_time_now()),
                          levels[level], text, cause(why, sizeof why, rv));

    return length > 0 ? (size_t)length : 0;
}

static void write_text(const eg_log *log, const char *text, size_t length)
{
    const egs_senderlog *file = log->baton;

    /* Where the log cannot be written there is nowhere to say so, and mail goes on. */
    if (length && write(file->fd, text, length) < 0) {
        return;
    }
}

static void write_line(const eg_log *log, eg_log_level level, apr_status_t rv, const char *text)
{
    char line[LINE_SIZE];

    write_text(log, line, format_line(line, level, rv, text));
}

static void gather_line(const eg_log *log, eg_log_level level, apr_status_t rv, const char *text)
{
    egs_senderlog_lines *lines = log->baton;
    char line[LINE_SIZE];
    size_t length = format_line(line, level, rv, text);

    if (lines->length + length > sizeof lines->text) {
        egs_senderlog_flush(lines);
    }
    if (length > sizeof lines->text) {
        write_text(lines->log, line, length);
        return;
    }
    memcpy(lines->text + lines->length, line, length);
    lines->length += length;
}

eg_log egs_senderlog_view(egs_senderlog *file, eg_log_level level)
{
    return (eg_log){ .write = write_line, .level = level, .baton = file };
}

eg_log egs_senderlog_gather(egs_senderlog_lines *lines, const eg_log *log)
{
    lines->log = log;
    lines->length = 0;
    return (eg_log){ .write = gather_line, .level = log->level, .baton = lines };
}

void egs_senderlog_flush(egs_senderlog_lines *lines)
{
    write_text(lines->log, lines->text, lines->length);
    lines->length = 0;
}
