/*
 * The sender's log file: one line, one write(2), or some lines gathered into one.
 */
#ifndef EGS_SENDERLOG_H
#define EGS_SENDERLOG_H

#include <limits.h>

#include "log.h"

typedef struct egs_senderlog egs_senderlog;

/** Whole lines that are not written yet: no more than a pipe takes in one piece. */
typedef struct {
    const eg_log *log;
    size_t length;
    char text[PIPE_BUF];
} egs_senderlog_lines;

/**
 * Open the file for appending, made with mode 0640 where it is missing.
 * @param path  "-" is standard error
 */
apr_status_t egs_senderlog_open(egs_senderlog **file, const char *path, apr_pool_t *pool);

/**
 * The same or another file from now on. Threads that are writing meanwhile go
 * on with either; when it cannot be opened nothing changes.
 */
apr_status_t egs_senderlog_reopen(egs_senderlog *file, const char *path);

/** A thread's own view of it, whose level it may change as it likes. */
eg_log egs_senderlog_view(egs_senderlog *file, eg_log_level level);

/**
 * For a loop that logs a line each turn and waits for nothing: what is logged to the
 * result is written when lines are full, and by egs_senderlog_flush.
 * @param lines  the caller's, as long as the result is used; needs no initialization
 * @param log    a view of the file
 */
eg_log egs_senderlog_gather(egs_senderlog_lines *lines, const eg_log *log);

/** Write what was gathered. */
void egs_senderlog_flush(egs_senderlog_lines *lines);

#endif
