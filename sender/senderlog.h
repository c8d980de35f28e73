/*
 * The sender's log file: one line, one write(2).
 */
#ifndef EGS_SENDERLOG_H
#define EGS_SENDERLOG_H

#include "log.h"

typedef struct egs_senderlog egs_senderlog;

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

#endif
