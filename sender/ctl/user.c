/* emailgwctl user add, set, list: accounts. */
#include <string.h>

#include <apr_strings.h>

#include "ctl.h"
#include "mailbox.h"
#include "secret.h"

/* --email as it is stored, NULL when it was not given. */
static int find_email(const char **email, egs_ctl *ctl)
{
    const char *text = egs_ctl_value(ctl, "email");
    eg_mailbox box;

    *email = NULL;
    if (text == NULL) {
        return 0;
    }
    if (eg_mailbox_parse(&box, text, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "--email: \"%s\" is no address: local@domain is needed", text);
    }
    *email = box.address;
    return 0;
}

static int load_secret(eg_secret **secret, egs_ctl *ctl)
{
    const char *problem;

    if (eg_secret_load(secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the file", problem);
    }
    return 0;
}

/* A new API key for an account, in place of an earlier one. */
static int renew_key(const char **key, egs_ctl *ctl, const eg_secret *secret, apr_int64_t account_id)
{
    eg_apikey made;
    eg_rows *rows;

    if (eg_apikey_make(&made, secret, EG_KEY_ACCOUNT, EG_SEAL_ACCOUNT_KEY, account_id, ctl->pool) !=
        APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no key");
    }
    *key = made.text;
    return egs_ctl_act(&rows, ctl, "ctl_user_key",
                       EG_DB_ARGS(eg_db_int(account_id), eg_db_bytes(made.hash, sizeof made.hash),
                                  eg_db_bytes(made.sealed.data, made.sealed.size)));
}

/* The account first, since the key carries its number. */
static int store_new(egs_ctl *ctl, const eg_secret *secret, const char *email, const char *hash)
{
    const char *status = egs_ctl_value(ctl, "unverified") != NULL ? "unverified" : "active", *key;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed;

    failed = egs_ctl_act(&rows, ctl, "ctl_user_add",
                         EG_DB_ARGS(eg_db_text(ctl->operand), eg_db_text(email), eg_db_text(hash),
                                    eg_db_text(egs_ctl_value(ctl, "group")), eg_db_text(status)));
    if (failed) {
        return failed;
    }
    account_id = eg_rows_int(rows, 0, "account_id");
    if (renew_key(&key, ctl, secret, account_id) != 0) {
        return egs_ctl_refuse(
            ctl, "user %s was added without an API key: emailgwctl user set %s --new-api-key makes it",
            ctl->operand, ctl->operand);
    }
    egs_ctl_show(ctl, json_pack("{s:I, s:s, s:s, s:s, s:s}", "account_id", (json_int_t)account_id, "username",
                                ctl->operand, "email", email, "status", status, "api_key", key));
    return 0;
}

static int add(egs_ctl *ctl)
{
    const char *email, *hash;
    eg_secret *secret;
    int failed = egs_ctl_check_name(ctl, "user name", ctl->operand);

    if (failed) {
        return failed;
    }
    failed = egs_ctl_check_name(ctl, "group", egs_ctl_value(ctl, "group"));
    if (failed) {
        return failed;
    }
    failed = find_email(&email, ctl);
    if (failed) {
        return failed;
    }
    failed = load_secret(&secret, ctl);
    if (failed) {
        return failed;
    }
    failed = egs_ctl_password(&hash, ctl, 1);
    if (failed) {
        return failed;
    }
    return store_new(ctl, secret, email, hash);
}

static int store_changes(egs_ctl *ctl, const char *email, const char *hash)
{
    const char *key = NULL;
    apr_int64_t account_id;
    eg_secret *secret;
    json_t *object;
    eg_rows *rows;
    int failed;

    failed =
        egs_ctl_act(&rows, ctl, "ctl_user_set",
                    EG_DB_ARGS(eg_db_text(ctl->operand), eg_db_text(egs_ctl_value(ctl, "status")),
                               eg_db_text(email), eg_db_text(hash), eg_db_text(egs_ctl_value(ctl, "group"))));
    if (failed) {
        return failed;
    }
    account_id = eg_rows_int(rows, 0, "account_id");
    if (egs_ctl_value(ctl, "new-api-key") != NULL) {
        failed = load_secret(&secret, ctl);
        if (!failed) {
            failed = renew_key(&key, ctl, secret, account_id);
        }
    }
    if (failed) {
        return failed;
    }
    object = json_pack("{s:I, s:s}", "account_id", (json_int_t)account_id, "username", ctl->operand);
    if (key != NULL) {
        json_object_set_new(object, "api_key", json_string(key));
    }
    egs_ctl_show(ctl, object);
    return 0;
}

static int set(egs_ctl *ctl)
{
    const char *status = egs_ctl_value(ctl, "status"), *email, *hash;
    int failed, given = 0;

    for (int i = 0; ctl->command->options[i].name != NULL; i++) {
        given += ctl->values[i] != NULL;
    }
    if (given == 0) {
        return egs_ctl_misuse(ctl, "nothing to change was named");
    }
    if (status != NULL && strcmp(status, "active") != 0 && strcmp(status, "disabled") != 0 &&
        strcmp(status, "unverified") != 0) {
        return egs_ctl_misuse(ctl, "--status: \"%s\" given, allowed are active, disabled and unverified",
                              status);
    }
    failed = egs_ctl_check_name(ctl, "group", egs_ctl_value(ctl, "group"));
    if (failed) {
        return failed;
    }
    failed = find_email(&email, ctl);
    if (failed) {
        return failed;
    }
    failed = egs_ctl_password(&hash, ctl, 0);
    if (failed) {
        return failed;
    }
    return store_changes(ctl, email, hash);
}

static const egs_ctl_column columns[] = {
    { "account_id", EGS_COLUMN_NUMBER }, { "username", EGS_COLUMN_TEXT },   { "email", EGS_COLUMN_TEXT },
    { "status", EGS_COLUMN_TEXT },       { "group_name", EGS_COLUMN_TEXT }, { "domains", EGS_COLUMN_NUMBER },
    { "created_at", EGS_COLUMN_TIME },   { NULL, EGS_COLUMN_TEXT },
};

static int list(egs_ctl *ctl)
{
    eg_rows *rows;
    int failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_user_list", NULL, 0);

    if (!failed) {
        egs_ctl_list(ctl, rows, columns, "there are no users");
    }
    return failed;
}

static const egs_ctl_option add_options[] = {
    { "email", "ADDRESS", "the user's own address", 1 },
    { "password-file", "FILE", "first line is the password; - is standard input; default: ask", 0 },
    { "password", "PASSWORD", "visible to everybody on this machine: for trying out", 0 },
    { "group", "NAME", "whose limits hold; made when missing", 0 },
    { "unverified", NULL, "may not send yet", 0 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option set_options[] = {
    { "status", "STATUS", "active, disabled or unverified; what is queued goes out all the same", 0 },
    { "email", "ADDRESS", "the user's own address", 0 },
    { "password-file", "FILE", "first line is the new password; - is standard input", 0 },
    { "group", "NAME", "whose limits hold; made when missing", 0 },
    { "new-api-key", NULL, "replace the account's API key and show it", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_user_add = {
    .name = "user add",
    .operand = "NAME",
    .options = add_options,
    .help = "a new account; shows its API key",
    .run = add,
};

const egs_ctl_command egs_ctl_user_set = {
    .name = "user set",
    .operand = "NAME",
    .options = set_options,
    .help = "change an account",
    .run = set,
};

const egs_ctl_command egs_ctl_user_list = {
    .name = "user list",
    .help = "all accounts",
    .run = list,
};
