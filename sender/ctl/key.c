/* emailgwctl key add, list, delete: sender keys of a domain. */
#include <string.h>

#include <apr_strings.h>

#include "ctl.h"
#include "secret.h"
#include "utf8.h"

static const egs_ctl_column columns[] = {
    { "api_key_id", EGS_COLUMN_NUMBER }, { "domain", EGS_COLUMN_TEXT },
    { "description", EGS_COLUMN_TEXT },  { "permissions", EGS_COLUMN_TEXT },
    { "created_at", EGS_COLUMN_TIME },   { "last_used_at", EGS_COLUMN_TIME },
    { NULL, EGS_COLUMN_TEXT },
};

/* --user and --domain; domain is NULL where it is not given. */
static int find_owner(apr_int64_t *account_id, const char **domain, egs_ctl *ctl)
{
    const char *text = egs_ctl_value(ctl, "domain");
    int failed = 0;

    *domain = NULL;
    if (text != NULL) {
        failed = egs_ctl_domain(domain, ctl, text);
    }
    return failed ? failed : egs_ctl_account(account_id, ctl);
}

static int store_new(egs_ctl *ctl, apr_int64_t account_id, const char *domain, const char *description)
{
    const char *problem;
    eg_secret *secret;
    eg_apikey key;
    eg_rows *rows;
    int failed;

    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the file", problem);
    }
    if (eg_apikey_make(&key, secret, EG_KEY_SENDER, EG_SEAL_SENDER_KEY, account_id, ctl->pool) !=
        APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no key");
    }
    failed = egs_ctl_act(&rows, ctl, "ctl_key_add",
                         EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain), eg_db_text(description),
                                    eg_db_bytes(key.hash, sizeof key.hash),
                                    eg_db_bytes(key.sealed.data, key.sealed.size), eg_db_int(EG_KEYS_MAX)));
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I, s:s, s:s, s:s}", "api_key_id",
                                    (json_int_t)eg_rows_int(rows, 0, "api_key_id"), "domain", domain,
                                    "description", description, "key", key.text));
    }
    return failed;
}

static int add(egs_ctl *ctl)
{
    const char *description = egs_ctl_value(ctl, "description"), *domain;
    apr_int64_t account_id;
    int failed;

    if (*description == '\0' || strlen(description) > EG_KEY_DESCRIPTION_MAX ||
        !eg_utf8_is_line(description)) {
        return egs_ctl_misuse(ctl, "--description: a line of UTF-8 is allowed, 1 to %d bytes",
                              EG_KEY_DESCRIPTION_MAX);
    }
    failed = find_owner(&account_id, &domain, ctl);
    return failed ? failed : store_new(ctl, account_id, domain, description);
}

static int list(egs_ctl *ctl)
{
    const char *domain;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = find_owner(&account_id, &domain, ctl);

    if (!failed) {
        failed = egs_ctl_owned_domain(ctl, account_id, domain);
    }
    if (!failed) {
        failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_key_list",
                              EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain)));
    }
    if (!failed) {
        egs_ctl_list(ctl, rows, columns, "there are no keys");
    }
    return failed;
}

static int remove_key(egs_ctl *ctl)
{
    apr_int64_t account_id, id;
    eg_rows *rows;
    int failed;

    if (!egs_ctl_number(&id, ctl->operand, EG_ID_MAX)) {
        return egs_ctl_misuse(ctl, "\"%s\" is no id of a key; emailgwctl key list shows them", ctl->operand);
    }
    failed = egs_ctl_account(&account_id, ctl);
    if (!failed) {
        failed = egs_ctl_act(&rows, ctl, "ctl_key_delete", EG_DB_ARGS(eg_db_int(account_id), eg_db_int(id)));
    }
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I, s:s}", "api_key_id", (json_int_t)id, "result", "deleted"));
    }
    return failed;
}

static const egs_ctl_option add_options[] = {
    { "user", "NAME", "whose key", 1 },
    { "domain", "DOMAIN", "the sender domain that it sends for", 1 },
    { "description", "TEXT", "what it is for", 1 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option list_options[] = {
    { "user", "NAME", "whose keys", 1 },
    { "domain", "DOMAIN", "of this sender domain only", 0 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option delete_options[] = {
    { "user", "NAME", "whose key", 1 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_key_add = {
    .name = "key add",
    .options = add_options,
    .help = "a new sender key for POST /api/v1/email; shows it",
    .run = add,
};

const egs_ctl_command egs_ctl_key_list = {
    .name = "key list",
    .options = list_options,
    .help = "sender keys, without the keys themselves",
    .run = list,
};

const egs_ctl_command egs_ctl_key_delete = {
    .name = "key delete",
    .operand = "ID",
    .options = delete_options,
    .help = "a sender key is dead at once",
    .run = remove_key,
};
