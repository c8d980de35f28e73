/* emailgwctl webhook list, replay: what is told of events, and telling it again. */
#include <apr_strings.h>

#include "ctl.h"
#include "datetime.h"

static const egs_ctl_column columns[] = {
    { "webhook_id", EGS_COLUMN_NUMBER },
    { "domain", EGS_COLUMN_TEXT },
    { "url", EGS_COLUMN_TEXT },
    { "status", EGS_COLUMN_TEXT },
    { "disabled_reason", EGS_COLUMN_TEXT },
    { "waiting", EGS_COLUMN_NUMBER },
    { "failing_since", EGS_COLUMN_TIME },
    { NULL, EGS_COLUMN_TEXT },
};

static const egs_ctl_option list_options[] = {
    { "user", "NAME", "whose webhooks", 1 },
    { NULL, NULL, NULL, 0 },
};

static int list(egs_ctl *ctl)
{
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = egs_ctl_account(&account_id, ctl);

    if (!failed) {
        failed =
            egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_webhook_list", EG_DB_ARGS(eg_db_int(account_id)));
    }
    if (!failed) {
        egs_ctl_list(ctl, rows, columns, "there are no webhooks");
    }
    return failed;
}

const egs_ctl_command egs_ctl_webhook_list = {
    .name = "webhook list",
    .options = list_options,
    .help = "the webhooks of a user, and how they are",
    .run = list,
};

/* A time of an option, as the database reads it. @param otherwise  what stands for an option that was not given */
static int find_time(const char **text, egs_ctl *ctl, const char *option, apr_time_t otherwise)
{
    const char *given = egs_ctl_value(ctl, option);
    char *buffer = apr_palloc(ctl->pool, EG_DATETIME_SIZE);
    apr_time_t at = otherwise;

    if (given != NULL && eg_datetime_parse(&at, given) != APR_SUCCESS) {
        return egs_ctl_misuse(ctl, "--%s: \"%s\" given, allowed is a time such as 2026-01-31T08:00:00Z",
                              option, given);
    }
    *text = eg_datetime_format(buffer, at);
    return 0;
}

static int find_webhook(apr_int64_t *webhook_id, egs_ctl *ctl)
{
    return egs_ctl_number(webhook_id, ctl->operand, EG_ID_MAX)
               ? 0
               : egs_ctl_misuse(ctl, "\"%s\" is no webhook: its number is needed (emailgwctl webhook list)",
                                ctl->operand);
}

static eg_dbarg flag(const egs_ctl *ctl, const char *option)
{
    return eg_db_text(egs_ctl_value(ctl, option) != NULL ? "true" : "false");
}

static int replay(egs_ctl *ctl)
{
    const char *since, *until;
    apr_int64_t account_id, webhook_id = 0;
    eg_rows *rows;
    int failed = find_webhook(&webhook_id, ctl);

    failed = failed ? failed : find_time(&since, ctl, "since", 0);
    failed = failed ? failed : find_time(&until, ctl, "until", apr_time_now());
    failed = failed ? failed : egs_ctl_account(&account_id, ctl);
    if (!failed) {
        failed = egs_ctl_act(&rows, ctl, "ctl_webhook_replay",
                             EG_DB_ARGS(eg_db_int(account_id), eg_db_int(webhook_id), eg_db_text(since),
                                        eg_db_text(until), flag(ctl, "all"), flag(ctl, "enable"),
                                        eg_db_int(EG_REPLAY_MAX)));
    }
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I, s:I}", "webhook_id", (json_int_t)webhook_id, "posts",
                                    (json_int_t)eg_rows_int(rows, 0, "posts")));
    }
    return failed;
}

static const egs_ctl_option replay_options[] = {
    { "user", "NAME", "whose webhook", 1 },
    { "since", "TIME", "events from then on, such as 2026-01-31T08:00:00Z; of the last 14 days", 1 },
    { "until", "TIME", "events before that, default now", 0 },
    { "all", NULL, "those that it has taken, too", 0 },
    { "enable", NULL, "enable it first, if it is disabled", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_webhook_replay = {
    .name = "webhook replay",
    .operand = "ID",
    .options = replay_options,
    .help = "posts events to a webhook that it has not taken; shows how many",
    .run = replay,
};
