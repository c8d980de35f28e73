/* emailgwctl suppress add, remove, list: addresses that get nothing. */
#include <string.h>

#include "addresshash.h"
#include "ctl.h"
#include "mailbox.h"
#include "suppressionlist.h"

static const egs_ctl_column columns[] = {
    { "email", EGS_COLUMN_TEXT },      { "domain", EGS_COLUMN_TEXT },     { "reason", EGS_COLUMN_TEXT },
    { "created_at", EGS_COLUMN_TIME }, { "message_id", EGS_COLUMN_TEXT }, { "reply", EGS_COLUMN_TEXT },
    { NULL, EGS_COLUMN_TEXT },
};

/* --system, or --user and --domain. The account is 0 for all of them; domain is NULL for a whole account. */
static int find_scope(apr_int64_t *account_id, const char **domain, egs_ctl *ctl)
{
    const char *text = egs_ctl_value(ctl, "domain");
    int failed = 0;

    *account_id = 0;
    *domain = NULL;
    if ((egs_ctl_value(ctl, "system") != NULL) == (egs_ctl_value(ctl, "user") != NULL) ||
        (egs_ctl_value(ctl, "system") != NULL && text != NULL)) {
        return egs_ctl_misuse(ctl, "either --user or --system is needed; --domain goes with --user");
    }
    if (text != NULL) {
        failed = egs_ctl_domain(domain, ctl, text);
    }
    return failed || egs_ctl_value(ctl, "system") != NULL ? failed : egs_ctl_account(account_id, ctl);
}

static int find_address(const char **address, egs_ctl *ctl)
{
    eg_mailbox box;

    *address = NULL;
    if (eg_mailbox_parse(&box, ctl->operand, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "\"%s\" is no address: local@domain is needed, without name or brackets",
                              ctl->operand);
    }
    *address = box.address;
    return 0;
}

/* An address that was erased is there as its hash only. Without the secret file that is not looked for. */
static const char *find_hashes(const egs_ctl *ctl, const char *address)
{
    const char *problem;
    eg_secret *secret;

    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return NULL;
    }
    return eg_addresshash_all(secret, address, ctl->pool);
}

static int add(egs_ctl *ctl)
{
    static const char erased[] =
        "suppressed already: the person was erased, and the address is not stored again";
    const char *reason = egs_ctl_value(ctl, "reason"), *domain, *address;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed;

    reason = reason != NULL ? reason : "manual";
    if (!eg_suppressionlist_is_reason(reason)) {
        return egs_ctl_misuse(ctl, "--reason: a line of UTF-8 is allowed, 1 to %d bytes",
                              EG_SUPPRESSION_REASON_MAX);
    }
    failed = find_address(&address, ctl);
    if (failed) {
        return failed;
    }
    failed = find_scope(&account_id, &domain, ctl);
    if (failed) {
        return failed;
    }
    failed = egs_ctl_act(&rows, ctl, "ctl_suppress_add",
                         EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain), eg_db_text(address),
                                    eg_db_text(reason), eg_db_text(find_hashes(ctl, address))));
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:s, s:s?, s:s}", "email", address, "domain", domain, "result",
                                    eg_rows_bool(rows, 0, "erased") ? erased : "suppressed"));
    }
    return failed;
}

static int delist(egs_ctl *ctl)
{
    const char *domain, *address;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = find_address(&address, ctl);

    if (failed) {
        return failed;
    }
    failed = find_scope(&account_id, &domain, ctl);
    if (failed) {
        return failed;
    }
    failed = egs_ctl_act(&rows, ctl, "ctl_suppress_remove",
                         EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain), eg_db_text(address),
                                    eg_db_text(find_hashes(ctl, address))));
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:s, s:s?, s:s, s:s?}", "email", address, "domain", domain, "result",
                                    "removed", "still_suppressed_for", eg_rows_text(rows, 0, "others")));
    }
    return failed;
}

static int list(egs_ctl *ctl)
{
    const char *domain;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = find_scope(&account_id, &domain, ctl);

    if (!failed) {
        failed = egs_ctl_owned_domain(ctl, account_id, domain);
    }
    if (!failed) {
        failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_suppress_list",
                              EG_DB_ARGS(eg_db_int(account_id), eg_db_text(domain)));
    }
    if (!failed) {
        egs_ctl_list(ctl, rows, columns, "nothing is suppressed");
    }
    return failed;
}

static const egs_ctl_option add_options[] = {
    { "user", "NAME", "whose list", 0 },
    { "system", NULL, "the list that holds for all users", 0 },
    { "domain", "DOMAIN", "for this sender domain only; default: all of the user's", 0 },
    { "reason", "TEXT", "why, default \"manual\"", 0 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option scope_options[] = {
    { "user", "NAME", "whose list", 0 },
    { "system", NULL, "the list that holds for all users", 0 },
    { "domain", "DOMAIN", "the entries for this sender domain", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_suppress_add = {
    .name = "suppress add",
    .operand = "ADDRESS",
    .options = add_options,
    .help = "an address gets nothing more",
    .run = add,
};

const egs_ctl_command egs_ctl_suppress_remove = {
    .name = "suppress remove",
    .operand = "ADDRESS",
    .options = scope_options,
    .help = "an address gets mails again",
    .run = delist,
};

const egs_ctl_command egs_ctl_suppress_list = {
    .name = "suppress list",
    .options = scope_options,
    .help = "addresses that get nothing",
    .run = list,
};
