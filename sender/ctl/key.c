/* emailgwctl key add: a sender key for a domain. */
#include <string.h>

#include "ctl.h"
#include "secret.h"

#define DESCRIPTION_MAX 255 /* bytes */

static int store_new(egs_ctl *ctl, apr_int64_t account_id, const char *domain, const char *description)
{
    const char *problem, *key = eg_apikey_new(EG_KEY_SENDER, account_id, ctl->pool);
    unsigned char hash[EG_HASH_SIZE];
    eg_secret *secret;
    eg_bytes sealed;
    eg_rows *rows;
    int failed;

    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the file", problem);
    }
    if (key == NULL || eg_seal(&sealed, secret, EG_SEAL_SENDER_KEY, account_id, key, strlen(key),
                               ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no key");
    }
    eg_secret_hash(hash, key, strlen(key));
    failed = egs_ctl_act(&rows, ctl, "ctl_key_add",
                         EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain), eg_db_text(description),
                                    eg_db_bytes(hash, sizeof hash), eg_db_bytes(sealed.data, sealed.size)));
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I, s:s, s:s, s:s}", "api_key_id",
                                    (json_int_t)eg_rows_int(rows, 0, "api_key_id"), "domain", domain,
                                    "description", description, "key", key));
    }
    return failed;
}

static int run(egs_ctl *ctl)
{
    const char *description = egs_ctl_value(ctl, "description"), *domain;
    apr_int64_t account_id;
    int failed;

    if (*description == '\0' || strlen(description) > DESCRIPTION_MAX) {
        return egs_ctl_misuse(ctl, "--description: 1 to %d bytes are allowed", DESCRIPTION_MAX);
    }
    failed = egs_ctl_domain(&domain, ctl, egs_ctl_value(ctl, "domain"));
    if (failed) {
        return failed;
    }
    failed = egs_ctl_account(&account_id, ctl);
    if (failed) {
        return failed;
    }
    return store_new(ctl, account_id, domain, description);
}

static const egs_ctl_option options[] = {
    { "user", "NAME", "whose key", 1 },
    { "domain", "DOMAIN", "the sender domain that it sends for", 1 },
    { "description", "TEXT", "what it is for", 1 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_key_add = {
    .name = "key add",
    .options = options,
    .help = "a new sender key for POST /api/v1/email; shows it",
    .run = run,
};
