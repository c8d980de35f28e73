/*
 * What the threads of the sender share: the options in force, and whether to
 * stop.
 */
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <stdio.h>
#include <unistd.h>

#include "cafile.h"
#include "control.h"

struct egs_control {
    apr_thread_mutex_t *mutex; /* for all that follows */
    apr_thread_cond_t *stopped;
    egs_settings *settings; /* counted as one user */
    egs_senderlog *log;
    const char *pid_file;     /* as at the start, or NULL */
    const char *pid_file_new; /* beside it, for as long as it is not whole */
    egs_member *members;
    int stopping;
    int ready;
};

apr_status_t egs_settings_load(egs_settings **settings, const char **problem, const char *path,
                               apr_pool_t *pool)
{
    apr_pool_t *own;
    egs_settings *loaded;
    eg_secret *secret = NULL;
    eg_senderkey *sender_key = NULL;
    apr_status_t rv = apr_pool_create_unmanaged_ex(&own, NULL, NULL);

    if (rv != APR_SUCCESS) {
        *problem = "out of memory";
        return rv;
    }
    loaded = apr_pcalloc(own, sizeof *loaded);
    loaded->pool = own;
    loaded->users = 1;
    rv = egs_options_load(&loaded->options, problem, path, own);
    if (rv == APR_SUCCESS) {
        rv = egs_transport_choose(&loaded->transport, &loaded->plan, problem, loaded->options, own);
    }
    if (rv == APR_SUCCESS) {
        rv = egs_cafile_check(problem, "webhook_ca_file", loaded->options->webhook_ca_file, own);
    }
    if (rv == APR_SUCCESS) {
        rv = egs_cafile_check(problem, "sts_ca_file", loaded->options->sts_ca_file, own);
    }
    if (rv == APR_SUCCESS) {
        rv = eg_secret_load(&secret, problem, loaded->options->secret_file, own);
        loaded->secret = secret;
    }
    if (rv == APR_SUCCESS) {
        rv = eg_senderkey_load(&sender_key, problem, loaded->options->sender_key_file, own);
        loaded->sender_key = sender_key;
    }
    if (rv != APR_SUCCESS) {
        *problem = apr_pstrdup(pool, *problem);
        apr_pool_destroy(own);
        return rv;
    }
    *settings = loaded;
    return APR_SUCCESS;
}

/* The file is there from the first answer of the database to the end. */
static apr_status_t remove_pid_file(void *baton)
{
    const egs_control *control = baton;

    if (control->ready && control->pid_file) {
        unlink(control->pid_file);
    }
    apr_pool_destroy(control->settings->pool);
    return APR_SUCCESS;
}

apr_status_t egs_control_new(egs_control **control, egs_settings *settings, egs_senderlog *log,
                             apr_pool_t *pool)
{
    egs_control *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_thread_cond_create(&made->stopped, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->settings = settings;
    made->log = log;
    made->pid_file = apr_pstrdup(pool, settings->options->pid_file);
    made->pid_file_new = made->pid_file ? apr_pstrcat(pool, made->pid_file, ".new", NULL) : NULL;
    apr_pool_cleanup_register(pool, made, remove_pid_file, apr_pool_cleanup_null);
    *control = made;
    return APR_SUCCESS;
}

egs_settings *egs_control_take(egs_control *control)
{
    egs_settings *settings;

    apr_thread_mutex_lock(control->mutex);
    settings = control->settings;
    settings->users++;
    apr_thread_mutex_unlock(control->mutex);
    return settings;
}

void egs_control_give(egs_control *control, egs_settings *settings)
{
    int unused;

    apr_thread_mutex_lock(control->mutex);
    unused = --settings->users == 0;
    apr_thread_mutex_unlock(control->mutex);
    if (unused) {
        apr_pool_destroy(settings->pool);
    }
}

int egs_control_is_current(egs_control *control, const egs_settings *settings)
{
    int is_current;

    apr_thread_mutex_lock(control->mutex);
    is_current = control->settings == settings;
    apr_thread_mutex_unlock(control->mutex);
    return is_current;
}

void egs_control_replace(egs_control *control, egs_settings *settings)
{
    egs_settings *former;

    apr_thread_mutex_lock(control->mutex);
    former = control->settings;
    control->settings = settings;
    apr_thread_mutex_unlock(control->mutex);
    egs_control_give(control, former);
}

void egs_control_stop(egs_control *control)
{
    apr_thread_mutex_lock(control->mutex);
    control->stopping = 1;
    apr_thread_cond_broadcast(control->stopped);
    apr_thread_mutex_unlock(control->mutex);
}

int egs_control_stopping(egs_control *control)
{
    int stopping;

    apr_thread_mutex_lock(control->mutex);
    stopping = control->stopping;
    apr_thread_mutex_unlock(control->mutex);
    return stopping;
}

int egs_control_sleep(egs_control *control, apr_interval_time_t interval)
{
    int stopping;

    apr_thread_mutex_lock(control->mutex);
    if (!control->stopping) {
        apr_thread_cond_timedwait(control->stopped, control->mutex, interval);
    }
    stopping = control->stopping;
    apr_thread_mutex_unlock(control->mutex);
    return stopping;
}

void egs_control_join(egs_control *control, egs_member *member)
{
    apr_thread_mutex_lock(control->mutex);
    *member = (egs_member){ .next = control->members };
    control->members = member;
    apr_thread_mutex_unlock(control->mutex);
}

void egs_control_leave(egs_control *control, const egs_member *member)
{
    egs_member **at = &control->members;

    apr_thread_mutex_lock(control->mutex);
    while (*at != member) {
        at = &(*at)->next;
    }
    *at = member->next;
    apr_thread_mutex_unlock(control->mutex);
}

void egs_control_set_leases(egs_control *control, egs_member *member, apr_time_t over_at)
{
    if (member->over_at != over_at) { /* written by its own thread alone */
        apr_thread_mutex_lock(control->mutex);
        member->over_at = over_at;
        apr_thread_mutex_unlock(control->mutex);
    }
}

int egs_control_others_are_late(egs_control *control, const egs_member *member)
{
    apr_time_t now = egs_clock();
    int late = 0;

    apr_thread_mutex_lock(control->mutex);
    for (const egs_member *each = control->members; each && !late; each = each->next) {
        late = each != member && each->over_at && now >= each->over_at;
    }
    apr_thread_mutex_unlock(control->mutex);
    return late;
}

/* Whole or not there, for whoever waits for it. */
static apr_status_t write_pid_file(const egs_control *control)
{
    FILE *file = fopen(control->pid_file_new, "we");
    int failed;

    if (!file) {
        return apr_get_os_error();
    }
    failed = fprintf(file, "%ld\n", (long)getpid()) < 0;
    if (fclose(file) || failed || rename(control->pid_file_new, control->pid_file)) {
        return apr_get_os_error();
    }
    return APR_SUCCESS;
}

void egs_control_ready(egs_control *control, const eg_log *log)
{
    apr_status_t rv = APR_SUCCESS;
    int first;

    apr_thread_mutex_lock(control->mutex);
    first = !control->ready;
    control->ready = 1;
    if (first && control->pid_file) {
        rv = write_pid_file(control);
    }
    apr_thread_mutex_unlock(control->mutex);
    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0305) "cannot write the pid file %s", control->pid_file);
    }
    if (first) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0306) "ready: the database answers");
    }
}

egs_senderlog *egs_control_log(egs_control *control)
{
    return control->log;
}
