/*
 * What the threads of the sender share: the options in force, and whether to
 * stop. Signals change only this; workers look at it between their batches.
 */
#ifndef EGS_CONTROL_H
#define EGS_CONTROL_H

#include "secret.h"
#include "senderlog.h"
#include "transport.h"

typedef struct egs_control egs_control;

/** One reading of the configuration; it lives until its last user gives it back. */
typedef struct {
    const egs_options *options;
    const egs_transport *transport;
    const eg_secret *secret;
    const eg_senderkey *sender_key;
    const egs_plan *plan; /* the transport's */
    apr_pool_t *pool;     /* a root pool of its own */
    int users;            /* control's business */
} egs_settings;

/**
 * Read the file and see whether the sender can work as it says.
 * @param problem  on failure: a sentence for the operator, in pool
 * @param pool  the caller's; the settings do not live there
 */
apr_status_t egs_settings_load(egs_settings **settings, const char **problem, const char *path,
                               apr_pool_t *pool);

/** @param settings  handed over */
apr_status_t egs_control_new(egs_control **control, egs_settings *settings, egs_senderlog *log,
                             apr_pool_t *pool);

/** The settings in force, to be given back. */
egs_settings *egs_control_take(egs_control *control);
void egs_control_give(egs_control *control, egs_settings *settings);

/** Are they still in force? */
int egs_control_is_current(egs_control *control, const egs_settings *settings);

/** Others from now on. @param settings  handed over */
void egs_control_replace(egs_control *control, egs_settings *settings);

/** End all sleeps; nothing new is begun. */
void egs_control_stop(egs_control *control);

int egs_control_stopping(egs_control *control);

/** Sleep, unless the sender is to stop. @return is it? */
int egs_control_sleep(egs_control *control, apr_interval_time_t interval);

/** One of the threads that have mails in hand; what is in it is control's business. */
typedef struct egs_member {
    apr_time_t over_at;
    struct egs_member *next;
} egs_member;

/** @param member  the caller's, until it leaves */
void egs_control_join(egs_control *control, egs_member *member);
void egs_control_leave(egs_control *control, const egs_member *member);

/** A member's leases may be over from then on, by egs_clock. @param over_at  0: it has none */
void egs_control_set_leases(egs_control *control, egs_member *member, apr_time_t over_at);

/**
 * May the leases of another member be over, as after a long silence of the database? What it has sent
 * would be sent again by whoever claims now, before it could be recorded.
 */
int egs_control_others_are_late(egs_control *control, const egs_member *member);

/** The database is there and in order: the first time this writes the pid file. */
void egs_control_ready(egs_control *control, const eg_log *log);

/** The log file of all threads. */
egs_senderlog *egs_control_log(egs_control *control);

#endif
