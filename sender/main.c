/*
 * emailgw-sender: arguments, signals, start and stop of the threads.
 */
#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <fcntl.h>
#include <getopt.h>
#include <gmime/gmime.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"
#include "housekeeping.h"
#include "listjobs.h"
#include "recheck.h"
#include "returned_queue.h"
#include "signing.h"
#include "sts.h"
#include "webhook.h"
#include "worker.h"

#define STOP_GRACE apr_time_from_sec(20) /* beyond stop_timeout, to record what came of it */

static const char usage[] =
    "Usage: emailgw-sender [--config FILE]\n"
    "Sends what the gateway has accepted. Runs in the foreground; FILE is\n" EGS_OPTIONS_PATH
    " if not given.\n"
    "SIGTERM finishes what is being sent and ends, SIGHUP reads FILE and opens the log again.\n";

typedef struct {
    egs_control *control;
    egs_signers *signers;
    egs_settings *settings; /* as at the start: what a reload cannot change */
    const char *config;
    eg_log log;
    apr_pool_t *pool;
} sender;

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_worker_run(s->control, s->signers, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC keep_house(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_housekeeping_run(s->control, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC post(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_webhook_run(s->control, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC check_domains(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_recheck_run(s->control, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC expand_lists(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_listjobs_run(s->control, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC read_returned(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_returned_queue_run(s->control, s->settings->options->database);
    return NULL;
}

static void *APR_THREAD_FUNC look_up_policies(apr_thread_t *thread, void *baton)
{
    sender *s = baton;

    (void)thread;
    egs_sts_run(s->control, s->settings->options->database);
    return NULL;
}

static int differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

/* Where it was, or another one: a file that was turned is left behind in any case. */
static void reopen_log(sender *s, const char *log_file)
{
    apr_status_t rv = egs_senderlog_reopen(egs_control_log(s->control), log_file);

    if (rv != APR_SUCCESS) {
        eg_log_at(&s->log, EG_LOG_ERR, rv,
                  EGLOGNO(0304) "cannot open the log file %s, going on with the old one", log_file);
    }
}

/* Read again what can be changed while running; a broken file changes nothing. */
static void reload(sender *s)
{
    const egs_options *old = s->settings->options, *options;
    egs_settings *settings;
    const char *problem;
    apr_pool_t *scratch;
    apr_status_t rv;

    if (apr_pool_create(&scratch, s->pool) != APR_SUCCESS) {
        return;
    }
    rv = egs_settings_load(&settings, &problem, s->config, scratch);
    if (rv != APR_SUCCESS) {
        settings = egs_control_take(s->control);
        reopen_log(s, settings->options->log_file);
        egs_control_give(s->control, settings);
        eg_log_at(&s->log, EG_LOG_ERR, APR_SUCCESS, EGLOGNO(0303) "not reloaded, going on as before: %s",
                  problem);
        apr_pool_destroy(scratch);
        return;
    }
    options = settings->options;
    reopen_log(s, options->log_file);
    s->log.level = options->log_level;
    eg_log_at(&s->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0302) "reloaded %s%s", s->config,
              differ(options->database, old->database) || differ(options->pid_file, old->pid_file) ||
                      options->threads != old->threads || options->signing_threads != old->signing_threads
                  ? "; database, pid_file, threads and signing_threads change with the next start"
                  : "");
    egs_control_replace(s->control, settings);
    apr_pool_destroy(scratch);
}

/* All threads inherit the mask, so that a signal waits for the main thread. */
static void block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigprocmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void wait_for_end(sender *s, const sigset_t *signals)
{
    int number = 0;

    while (sigwait(signals, &number) != 0 || number == SIGHUP) {
        if (number == SIGHUP) {
            reload(s);
        }
    }
}

/*
 * Threads end by themselves after stop_timeout, but for one that the database does not answer: all that is
 * in hand is as after a kill then.
 */
static void *APR_THREAD_FUNC end_anyway(apr_thread_t *thread, void *data)
{
    sender *s = data;

    (void)thread;
    apr_sleep(s->settings->options->stop_timeout + STOP_GRACE);
    eg_log_at(&s->log, EG_LOG_WARN, APR_SUCCESS,
              EGLOGNO(0470) "something does not stop, such as a call of a database that does not answer: "
                            "ended all the same, what was in hand comes due at the end of its lease");
    _exit(EXIT_FAILURE);
}

static void stop(sender *s)
{
    apr_thread_t *thread;

    egs_control_stop(s->control);
    egs_control_give(s->control, s->settings);
    s->settings = egs_control_take(s->control); /* those of the last SIGHUP */
    if (apr_thread_create(&thread, NULL, end_anyway, s, s->pool) == APR_SUCCESS) {
        apr_thread_detach(thread);
    }
}

static apr_status_t run(sender *s)
{
    static const apr_thread_start_t others[] = { keep_house,      post,          check_domains,
                                                 expand_lists,    read_returned, look_up_policies,
                                                 look_up_policies };
    int fixed = (int)(sizeof others / sizeof *others), count = s->settings->options->threads + fixed, started;
    apr_thread_t **threads = apr_pcalloc(s->pool, (apr_size_t)count * sizeof *threads);
    apr_status_t rv = APR_SUCCESS, ended;
    sigset_t signals;

    block_signals(&signals);
    rv = egs_signers_start(&s->signers, s->control, s->settings->options->signing_threads, s->pool);
    for (started = 0; started < count && rv == APR_SUCCESS; started += rv == APR_SUCCESS) {
        rv = apr_thread_create(&threads[started], NULL, started < fixed ? others[started] : work, s, s->pool);
    }
    if (rv == APR_SUCCESS) {
        eg_log_at(&s->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0300) "started: pid %ld, %d workers, transport %s", (long)getpid(), count - fixed,
                  s->settings->options->transport);
        wait_for_end(s, &signals);
    }
    else {
        eg_log_at(&s->log, EG_LOG_ERR, rv, EGLOGNO(0313) "cannot start a thread");
    }
    stop(s);
    for (int i = 0; i < started; i++) {
        apr_thread_join(&ended, threads[i]);
    }
    if (s->signers) {
        egs_signers_stop(s->signers);
    }
    eg_log_at(&s->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0301) "stopped");
    return rv;
}

static int complain(const char *problem)
{
    fprintf(stderr, "emailgw-sender: %s\n", problem);
    return EXIT_FAILURE;
}

/* Nothing is read from standard input, and its number must not become a connection's. */
static void close_stdin(void)
{
    int null = open("/dev/null", O_RDONLY);

    if (null > STDIN_FILENO) {
        dup2(null, STDIN_FILENO);
        close(null);
    }
}

static int start(sender *s)
{
    egs_settings *settings;
    egs_senderlog *log;
    const char *problem;
    char text[200];
    apr_status_t rv;

    if (egs_settings_load(&settings, &problem, s->config, s->pool) != APR_SUCCESS) {
        return complain(problem);
    }
    rv = egs_senderlog_open(&log, settings->options->log_file, s->pool);
    if (rv != APR_SUCCESS) {
        return complain(apr_psprintf(s->pool, "cannot open the log file %s: %s", settings->options->log_file,
                                     apr_strerror(rv, text, sizeof text)));
    }
    rv = egs_control_new(&s->control, settings, log, s->pool);
    if (rv != APR_SUCCESS) {
        return complain(apr_strerror(rv, text, sizeof text));
    }
    s->settings = egs_control_take(s->control);
    s->log = egs_senderlog_view(log, settings->options->log_level);
    rv = run(s);
    egs_control_give(s->control, s->settings);
    return rv == APR_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* @return -1 to go on, else the exit status */
static int read_arguments(sender *s, int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int given;

    s->config = EGS_OPTIONS_PATH;
    while ((given = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (given != 'c') {
            fputs(usage, given == 'h' ? stdout : stderr);
            return given == 'h' ? EXIT_SUCCESS : 2;
        }
        s->config = optarg;
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv)
{
    sender s = { 0 };
    int status = read_arguments(&s, argc, argv);

    if (status >= 0) {
        return status;
    }
    close_stdin();
    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&s.pool, NULL) != APR_SUCCESS ||
        eg_dns_start(s.pool) != APR_SUCCESS || egs_sts_start(s.pool) != APR_SUCCESS) {
        return complain("cannot start: out of memory");
    }
    g_mime_init();
    status = start(&s);
    apr_pool_destroy(s.pool);
    g_mime_shutdown();
    apr_terminate();
    return status;
}
