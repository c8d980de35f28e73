/*
 * sts_ask CONFIG: the sender's MTA-STS as one of its transports uses it. For
 * each line of standard input, a domain, what egs_sts_find has for it when it is
 * no longer pending; with "?" before it what it has at once.
 *
 *     example.com: enforce mx1.example.com,*.example.net
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "dns.h"
#include "sts.h"

#define THREADS 2
#define PATIENCE 30000 /* milliseconds */
#define WAITED apr_time_from_sec(60)

typedef struct {
    egs_control *control;
    egs_settings *settings;
    int event;
} asker;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "sts_ask: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void *APR_THREAD_FUNC look_up(apr_thread_t *thread, void *baton)
{
    asker *me = baton;

    (void)thread;
    egs_sts_run(me->control, me->settings->options->database);
    return NULL;
}

static void wake(void *baton)
{
    eventfd_write(((asker *)baton)->event, 1);
}

static egs_sts_state wait_for(asker *me, const char *domain, egs_sts_policy *policy, apr_pool_t *pool)
{
    struct pollfd polled = { .fd = me->event, .events = POLLIN };
    egs_sts_state state;
    eventfd_t count;

    while ((state = egs_sts_find(egs_sts_of_process(), domain, policy, WAITED, pool)) == EGS_STS_PENDING) {
        must(poll(&polled, 1, PATIENCE) == 1, "nobody was woken");
        eventfd_read(me->event, &count);
    }
    return state;
}

static void answer(asker *me, const char *line, apr_pool_t *pool)
{
    int at_once = *line == '?';
    const char *domain = line + at_once;
    egs_sts_policy policy;
    egs_sts_state state = at_once ? egs_sts_find(egs_sts_of_process(), domain, &policy, WAITED, pool)
                                  : wait_for(me, domain, &policy, pool);

    printf("%s: %s\n", domain,
           state == EGS_STS_PENDING   ? "pending"
           : state == EGS_STS_CROWDED ? "crowded"
           : state == EGS_STS_NONE    ? "none"
                                      : apr_pstrcat(pool, egs_sts_mode_name(policy.mode), " ",
                                                    apr_array_pstrcat(pool, policy.mx, ','), NULL));
    fflush(stdout);
}

static void start(asker *me, const char *config, apr_pool_t *pool)
{
    egs_settings *settings;
    egs_senderlog *log;
    const char *problem;

    must(egs_settings_load(&settings, &problem, config, pool) == APR_SUCCESS, "the configuration is wrong");
    must(egs_senderlog_open(&log, settings->options->log_file, pool) == APR_SUCCESS, "no log file");
    must(egs_control_new(&me->control, settings, log, pool) == APR_SUCCESS, "no control");
    must(eg_dns_start(pool) == APR_SUCCESS && egs_sts_start(pool) == APR_SUCCESS, "it does not start");
    me->settings = egs_control_take(me->control);
    me->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    egs_sts_on_answer(egs_sts_of_process(), wake, me, pool);
}

int main(int argc, char **argv)
{
    apr_thread_t *threads[THREADS];
    apr_pool_t *pool, *scratch;
    apr_status_t ended;
    char line[512];
    asker me;

    must(argc == 2 && apr_initialize() == APR_SUCCESS && apr_pool_create(&pool, NULL) == APR_SUCCESS,
         "usage");
    start(&me, argv[1], pool);
    for (int i = 0; i < THREADS; i++) {
        must(apr_thread_create(&threads[i], NULL, look_up, &me, pool) == APR_SUCCESS, "no thread");
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        apr_pool_create(&scratch, pool);
        answer(&me, line, scratch);
        apr_pool_destroy(scratch);
    }
    egs_control_stop(me.control);
    for (int i = 0; i < THREADS; i++) {
        apr_thread_join(&ended, threads[i]);
    }
    egs_control_give(me.control, me.settings);
    apr_pool_destroy(pool);
    apr_terminate();
    return EXIT_SUCCESS;
}
