/*
 * keyring_ask CONFIG ACCOUNT DOMAIN SELECTOR: a domain's DKIM key as a worker's thread gets
 * it, and whether the pool that the keyring was given was left alone meanwhile.
 *
 *     key, pool untouched
 */
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>

#include "control.h"
#include "keyring.h"

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "keyring_ask: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    egs_content content = { 0 };
    egs_job job = { .content = &content };
    apr_pool_t *pool, *scratch;
    egs_settings *settings;
    egs_keyring *keyring;
    const char *problem, *before, *after;

    must(argc == 5 && apr_initialize() == APR_SUCCESS && apr_pool_create(&pool, NULL) == APR_SUCCESS &&
             apr_pool_create(&scratch, NULL) == APR_SUCCESS,
         "usage");
    must(egs_settings_load(&settings, &problem, argv[1], scratch) == APR_SUCCESS,
         "the configuration is wrong");
    must(egs_keyring_new(&keyring, pool) == APR_SUCCESS, "no keyring");
    content.account_id = atoll(argv[2]);
    content.domain_id = atoll(argv[3]);
    content.signer.selector = argv[4];
    before = apr_palloc(pool, 8);
    must(egs_keyring_serve(keyring, &job, 1, settings->sender_key,
                           eg_db_dedicated(settings->options->database, EG_DB_MIGRATION, NULL, scratch),
                           NULL) == APR_SUCCESS,
         "no database");
    after = apr_palloc(pool, 8);
    printf("%s, pool %s\n", content.signer.pair ? "key" : "none", after == before + 8 ? "untouched" : "used");
    apr_pool_destroy(scratch);
    apr_pool_destroy(pool);
    apr_pool_destroy(settings->pool);
    apr_terminate();
    return EXIT_SUCCESS;
}
