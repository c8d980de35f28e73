/*
 * hand_in DSN SECRET USERNAME PASSWORD UTF8 SENDER RECIPIENT ... : a message on standard input, handed
 * in as an SMTP session does it after its final dot; the reply goes to standard output.
 *
 *     250 2.0.0 Ok: queued as 0199c1d2-...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "smtp_submit.h"

#define MESSAGE_MAX (64 * 1024 * 1024)

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "hand_in: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void say(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    (void)log;
    (void)rv;
    if (level <= EG_LOG_WARN) {
        fprintf(stderr, "%s\n", line);
    }
}

static eg_bytes read_all(apr_pool_t *pool)
{
    char *message = apr_palloc(pool, MESSAGE_MAX);

    return (eg_bytes){ message, fread(message, 1, MESSAGE_MAX, stdin) };
}

int main(int argc, char **argv)
{
    const eg_log log = { .write = say, .level = EG_LOG_WARN };
    eg_limits limits = { .submission_host = "mx.gateway.example" };
    eg_smtp_envelope envelope = { 0 };
    eg_smtp_login login;
    eg_smtp_reply reply;
    eg_call call = { .log = &log, .limits = &limits };
    eg_bytes message;
    eg_secret *secret;
    const char *problem;
    int status;

    must(argc >= 7 && apr_initialize() == APR_SUCCESS && apr_pool_create(&call.pool, NULL) == APR_SUCCESS,
         "usage");
    call.db = eg_db_dedicated(argv[1], 0, &log, call.pool);
    must(eg_secret_load(&secret, &problem, argv[2], call.pool) == APR_SUCCESS, "no secret");
    call.secret = secret;
    call.now = apr_time_now();
    limits.account_id = getenv("EG_ACCOUNT") ? atoi(getenv("EG_ACCOUNT")) : 0;
    must(eg_smtp_authenticate(&login, &status, &call, argv[3], argv[4]) == APR_SUCCESS, "no database");
    if (status != 0) {
        printf("status %d\n", status);
        apr_pool_destroy(call.pool);
        return EXIT_SUCCESS;
    }
    envelope.utf8 = atoi(argv[5]);
    envelope.sender = argv[6];
    envelope.recipients = apr_array_make(call.pool, argc, sizeof(const char *));
    for (int i = 7; i < argc; i++) {
        APR_ARRAY_PUSH(envelope.recipients, const char *) = argv[i];
    }
    message = read_all(call.pool);
    must(eg_smtp_submit(&reply, &call, &login, &envelope, message) == APR_SUCCESS || reply.code == 451,
         "no reply");
    printf("%d %s %s\n", reply.code, reply.enhanced, reply.text);
    apr_pool_destroy(call.pool);
    apr_terminate();
    return EXIT_SUCCESS;
}
