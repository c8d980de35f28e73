/*
 * returned_put DATABASE SECRET_FILE VERB ADDRESS ...: what the module does with mail
 * that comes back, without httpd.
 *
 *     known  a line for each address: 0, 1, or "away"
 *     keep   the mail on standard input, for all of them: the reply
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>

#include "smtp_returned.h"

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "returned_put: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static eg_bytes read_all(apr_pool_t *pool)
{
    apr_size_t room = EG_RETURNED_SIZE * (apr_size_t)2;
    char *data = apr_palloc(pool, room);

    return (eg_bytes){ data, fread(data, 1, room, stdin) };
}

static void ask(eg_call *call, const char *address)
{
    int known = 0;
    apr_status_t rv = eg_smtp_return_path_known(&known, call, address);

    printf("%s\n", rv != APR_SUCCESS ? "away" : known ? "1" : "0");
}

static void keep(eg_call *call, char **addresses, int count)
{
    eg_smtp_envelope envelope = { .sender = "",
                                  .recipients = apr_array_make(call->pool, count, sizeof(const char *)) };
    eg_smtp_reply reply;

    for (int i = 0; i < count; i++) {
        APR_ARRAY_PUSH(envelope.recipients, const char *) = addresses[i];
    }
    if (eg_smtp_returned(&reply, call, &envelope, read_all(call->pool)) == APR_SUCCESS) {
        printf("%d %s %s\n", reply.code, reply.enhanced, reply.text);
    }
    else {
        puts("away");
    }
}

int main(int argc, char **argv)
{
    const char *problem;
    eg_secret *secret;
    eg_call call = { 0 };

    must(argc > 3 && apr_initialize() == APR_SUCCESS && apr_pool_create(&call.pool, NULL) == APR_SUCCESS,
         "usage");
    must(eg_secret_load(&secret, &problem, argv[2], call.pool) == APR_SUCCESS, "no secret");
    call.secret = secret;
    call.db = eg_db_dedicated(argv[1], 0, NULL, call.pool);
    if (strcmp(argv[3], "keep") == 0) {
        keep(&call, argv + 4, argc - 4);
    }
    else {
        for (int i = 4; i < argc; i++) {
            ask(&call, argv[i]);
        }
    }
    apr_pool_destroy(call.pool);
    apr_terminate();
    return EXIT_SUCCESS;
}
