/*
 * What commands share: their options' values, numbers, calls to the database, names
 * given on the command line, a key file.
 */
#include <string.h>

#include <apr_strings.h>

#include "ctl.h"
#include "hostname.h"

#define NUMBER_DIGITS 16 /* as EG_ID_MAX has them */
#define LIMIT_DEFAULT 100
#define LIMIT_MAX 100000
#define NAME_MAX_BYTES 64
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@"

const char *egs_ctl_value(const egs_ctl *ctl, const char *name)
{
    for (int i = 0; ctl->command->options != NULL && ctl->command->options[i].name != NULL; i++) {
        if (strcmp(ctl->command->options[i].name, name) == 0) {
            return ctl->values[i];
        }
    }
    return NULL;
}

int egs_ctl_number(apr_int64_t *number, const char *text, apr_int64_t max)
{
    apr_size_t length = strlen(text);

    if (length < 1 || length > NUMBER_DIGITS || strspn(text, "0123456789") != length) {
        return 0;
    }
    *number = apr_atoi64(text);
    return *number >= 1 && *number <= max;
}

int egs_ctl_limit(apr_int64_t *limit, egs_ctl *ctl)
{
    const char *text = egs_ctl_value(ctl, "limit");

    *limit = LIMIT_DEFAULT;
    if (text != NULL && !egs_ctl_number(limit, text, LIMIT_MAX)) {
        return egs_ctl_misuse(ctl, "--limit: \"%s\" given, allowed is 1 to %d", text, LIMIT_MAX);
    }
    return 0;
}

int egs_ctl_check_name(egs_ctl *ctl, const char *what, const char *name)
{
    apr_size_t length = name != NULL ? strlen(name) : 1;

    if (length < 1 || length > NAME_MAX_BYTES || (name != NULL && strspn(name, NAME_CHARACTERS) != length)) {
        return egs_ctl_refuse(ctl, "%s \"%s\": 1 to %d letters, digits and . _ - @ are allowed", what, name,
                              NAME_MAX_BYTES);
    }
    return 0;
}

/* db.c has said what happened; here is what to do about it. */
static int tell_failure(const egs_ctl *ctl, apr_status_t rv)
{
    switch (rv) {
    case EG_DB_UNREACHABLE:
        return egs_ctl_refuse(ctl, "the database cannot be reached: see admin_database and database in the "
                                   "configuration, or try again");
    case EG_DB_UNKNOWN:
        return egs_ctl_refuse(ctl, "the connection was lost in the middle: look whether it was done before "
                                   "trying again");
    case EG_DB_MISSING:
        return egs_ctl_refuse(ctl, "the database lacks what this needs, or its role may not use it: "
                                   "run emailgwctl migrate, and see admin_database in the configuration");
    default:
        return egs_ctl_refuse(ctl, "the database refused");
    }
}

/* Rows of older functions lack columns that are read: so this is asked before the first call. */
static int check_functions(egs_ctl *ctl)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, ctl->db, EG_DB_REPEATABLE, "made_for", NULL, 0);

    if (rv != APR_SUCCESS) {
        return tell_failure(ctl, rv);
    }
    if (eg_rows_int(rows, 0, "made_for") < EG_DB_MIGRATION) {
        return egs_ctl_refuse(ctl,
                              "the database's functions are older than this program, which is made for "
                              "migration %d: run emailgwctl migrate",
                              EG_DB_MIGRATION);
    }
    ctl->is_fit = 1;
    return 0;
}

int egs_ctl_call(eg_rows **rows, egs_ctl *ctl, eg_db_repeat repeat, const char *function,
                 const eg_dbarg *args, apr_size_t count)
{
    int failed = ctl->is_fit ? 0 : check_functions(ctl);
    apr_status_t rv;

    if (failed) {
        return failed;
    }
    rv = eg_db_call(rows, ctl->db, repeat, function, args, count);
    return rv == APR_SUCCESS ? 0 : tell_failure(ctl, rv);
}

int egs_ctl_act(eg_rows **rows, egs_ctl *ctl, const char *function, const eg_dbarg *args, apr_size_t count)
{
    int failed = egs_ctl_call(rows, ctl, EG_DB_ONCE, function, args, count);

    return failed ? failed : egs_ctl_judge(ctl, *rows);
}

int egs_ctl_judge(egs_ctl *ctl, const eg_rows *rows)
{
    const char *status = eg_rows_count(rows) > 0 ? eg_rows_text(rows, 0, "status") : "nothing was found";
    const char *about = ctl->operand != NULL ? ctl->operand : egs_ctl_value(ctl, "domain");

    if (strcmp(status, "ok") == 0) {
        return 0;
    }
    return about != NULL ? egs_ctl_refuse(ctl, "%s: %s", about, status) : egs_ctl_refuse(ctl, "%s", status);
}

int egs_ctl_account(apr_int64_t *account_id, egs_ctl *ctl)
{
    const char *user = egs_ctl_value(ctl, "user");
    eg_rows *rows;
    int failed;

    *account_id = 0;
    if (user == NULL) {
        return 0;
    }
    failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_user_find", EG_DB_ARGS(eg_db_text(user)));
    if (failed) {
        return failed;
    }
    if (eg_rows_count(rows) == 0) {
        return egs_ctl_refuse(ctl, "unknown user \"%s\"; emailgwctl user list shows all", user);
    }
    *account_id = eg_rows_int(rows, 0, "account_id");
    return 0;
}

eg_dbarg egs_ctl_id(apr_int64_t account_id)
{
    return account_id == 0 ? eg_db_text(NULL) : eg_db_int(account_id);
}

int egs_ctl_domain(const char **ascii, egs_ctl *ctl, const char *text)
{
    if (eg_hostname_parse(ascii, text, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl,
                              "\"%s\" is no domain name: two labels or more of letters, digits and inner "
                              "hyphens are needed, as in example.com",
                              text);
    }
    return 0;
}

int egs_ctl_owned_domain(egs_ctl *ctl, apr_int64_t account_id, const char *name)
{
    eg_rows *rows;
    int failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_scope",
                              EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name)));

    if (!failed && eg_rows_text(rows, 0, "ctl_scope") == NULL) {
        return egs_ctl_refuse(ctl, "unknown domain \"%s\"; emailgwctl domain list shows all", name);
    }
    return failed;
}

int egs_ctl_act_for_domain(eg_rows **rows, const char **name, egs_ctl *ctl, const char *function,
                           const char *text)
{
    apr_int64_t account_id;
    int failed = egs_ctl_domain(name, ctl, text);

    if (!failed) {
        failed = egs_ctl_account(&account_id, ctl);
    }
    return failed ? failed
                  : egs_ctl_act(rows, ctl, function, EG_DB_ARGS(eg_db_int(account_id), eg_db_text(*name)));
}

int egs_ctl_sender_key(eg_bytes *key, egs_ctl *ctl)
{
    const char *path = apr_pstrcat(ctl->pool, ctl->options->sender_key_file, ".pub", NULL), *problem;

    if (eg_senderkey_load_public(key, &problem, path, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the key files", problem);
    }
    return 0;
}
