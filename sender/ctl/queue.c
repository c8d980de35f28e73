/* emailgwctl queue list, cancel: what is still to be sent. */
#include "ctl.h"

static const egs_ctl_column columns[] = {
    { "account_id", EGS_COLUMN_NUMBER },   { "username", EGS_COLUMN_TEXT }, { "message_id", EGS_COLUMN_TEXT },
    { "recipient_no", EGS_COLUMN_NUMBER }, { "email", EGS_COLUMN_TEXT },    { "domain", EGS_COLUMN_TEXT },
    { "attempt", EGS_COLUMN_NUMBER },      { "state", EGS_COLUMN_TEXT },    { "queued_at", EGS_COLUMN_TIME },
    { "next_at", EGS_COLUMN_TIME },        { NULL, EGS_COLUMN_TEXT },
};

static const egs_ctl_option list_options[] = {
    { "user", "NAME", "of this user only", 0 },
    EGS_CTL_LIMIT,
    { NULL, NULL, NULL, 0 },
};

static int list(egs_ctl *ctl)
{
    apr_int64_t account_id, limit;
    eg_rows *rows;
    int failed = egs_ctl_limit(&limit, ctl);

    failed = failed ? failed : egs_ctl_account(&account_id, ctl);
    if (!failed) {
        failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_queue_list",
                              EG_DB_ARGS(egs_ctl_id(account_id), eg_db_int(limit)));
    }
    if (!failed) {
        egs_ctl_list(ctl, rows, columns, "nothing is queued");
    }
    return failed;
}

const egs_ctl_command egs_ctl_queue_list = {
    .name = "queue list",
    .options = list_options,
    .help = "mails still to be sent, by when they come due",
    .run = list,
};

/* What a sender has in hand goes on; the senders take out the rest. */
static int cancel(egs_ctl *ctl)
{
    const char *domain;
    eg_rows *rows;
    int failed =
        egs_ctl_act_for_domain(&rows, &domain, ctl, "ctl_queue_cancel", egs_ctl_value(ctl, "domain"));

    if (!failed) {
        egs_ctl_show(ctl,
                     json_pack("{s:I, s:s, s:I}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                               "domain", domain, "mails", (json_int_t)eg_rows_int(rows, 0, "mails")));
    }
    return failed;
}

static const egs_ctl_option cancel_options[] = {
    { "user", "NAME", "whose domain", 1 },
    { "domain", "DOMAIN", "the sender domain whose mails are not to be sent", 1 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_queue_cancel = {
    .name = "queue cancel",
    .options = cancel_options,
    .help = "takes out of the queue what a domain has in it; shows how many mails that is",
    .run = cancel,
};
