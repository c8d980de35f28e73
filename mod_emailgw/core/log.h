/*
 * Log lines with a level and a message id; the host decides where they go.
 */
#ifndef EG_LOG_H
#define EG_LOG_H

#include "eg.h"

typedef enum {
    EG_LOG_ERR,  /* an admin must act */
    EG_LOG_WARN, /* will degrade */
    EG_LOG_INFO, /* life cycle, one line per delivery */
    EG_LOG_DEBUG
} eg_log_level;

typedef struct eg_log eg_log;

/** Where lines go: httpd's error log, the sender's log file, a test's buffer. */
struct eg_log {
    /**
     * @param line  complete, without a line feed, every byte printable
     * @param rv    the status that caused it, APR_SUCCESS where none did
     */
    void (*write)(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line);
    eg_log_level level; /* lines above it are not made */
    void *baton;        /* the host's own */
};

/* Four digits, one per place: see log-ids.txt. */
#define EGLOGNO(n) "EG" #n ": "

/**
 * Write one line. Control characters (also C1, U+2028, U+2029 and those that
 * turn the reading direction) and bytes that are not UTF-8 come out as \xNN, so
 * that no value can end the line, begin another or disguise itself; a line is
 * cut at 4,000 bytes. A NULL log writes nothing.
 * @param rv  shown by the host when not APR_SUCCESS
 */
void eg_log_at(const eg_log *log, eg_log_level level, apr_status_t rv, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
