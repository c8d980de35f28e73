/* emailgwctl returned list, retry, drop: mails that came back to httpd and are not read yet. */
#include <string.h>

#include "ctl.h"

static const egs_ctl_column columns[] = {
    { "returned_id", EGS_COLUMN_NUMBER },
    { "username", EGS_COLUMN_TEXT },
    { "message_id", EGS_COLUMN_TEXT },
    { "email", EGS_COLUMN_TEXT },
    { "state", EGS_COLUMN_TEXT },
    { "came_at", EGS_COLUMN_TIME },
    { "set_aside_at", EGS_COLUMN_TIME },
    { "attempts", EGS_COLUMN_NUMBER },
    { "size_bytes", EGS_COLUMN_NUMBER },
    { "reason", EGS_COLUMN_TEXT },
    { NULL, EGS_COLUMN_TEXT },
};

/* @param rows  of ctl_returned_list, one more than shown where there are more */
static json_t *page_of(const egs_ctl *ctl, const eg_rows *counts, const eg_rows *rows, apr_int64_t limit)
{
    int count = eg_rows_count(rows), shown = count > limit ? (int)limit : count;
    json_t *mails = json_array();

    for (int row = 0; row < shown; row++) {
        json_array_append_new(mails, egs_ctl_row(ctl, rows, row, columns));
    }
    return json_pack("{s:I, s:I, s:o, s:o}", "waiting", (json_int_t)eg_rows_int(counts, 0, "waiting"),
                     "set_aside", (json_int_t)eg_rows_int(counts, 0, "set_aside"), "next",
                     count > shown ? json_integer(eg_rows_int(rows, shown - 1, "returned_id")) : json_null(),
                     "mails", mails);
}

static int list(egs_ctl *ctl)
{
    const char *text = egs_ctl_value(ctl, "after");
    const char *set_aside = egs_ctl_value(ctl, "set-aside") != NULL ? "true" : "false";
    apr_int64_t limit, after = 0;
    eg_rows *counts, *rows;
    int failed = egs_ctl_limit(&limit, ctl);

    if (!failed && text != NULL && !egs_ctl_number(&after, text, EG_ID_MAX)) {
        return egs_ctl_misuse(ctl, "--after: \"%s\" is no number of a mail", text);
    }
    if (!failed) {
        failed = egs_ctl_call(&counts, ctl, EG_DB_REPEATABLE, "ctl_returned_count", NULL, 0);
    }
    if (!failed) {
        failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_returned_list",
                              EG_DB_ARGS(eg_db_text(set_aside), eg_db_int(after), eg_db_int(limit + 1)));
    }
    if (!failed) {
        egs_ctl_show(ctl, page_of(ctl, counts, rows, limit));
    }
    return failed;
}

static const egs_ctl_option list_options[] = {
    { "set-aside", NULL, "only those that were set aside", 0 },
    { "after", "ID", "those behind this one: \"next\" of the list before", 0 },
    EGS_CTL_LIMIT,
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_returned_list = {
    .name = "returned list",
    .options = list_options,
    .help = "mails that came back and are not read yet: how many, which, and why not",
    .run = list,
};

/* What is asked for one mail or for all that were set aside. */
static int act(egs_ctl *ctl, const char *function)
{
    apr_int64_t id;
    eg_rows *rows;
    int all = strcmp(ctl->operand, "all") == 0, failed;

    if (!all && !egs_ctl_number(&id, ctl->operand, EG_ID_MAX)) {
        return egs_ctl_misuse(
            ctl, "\"%s\" is no mail: its number is needed (emailgwctl returned list), or all", ctl->operand);
    }
    failed = egs_ctl_act(&rows, ctl, function, EG_DB_ARGS(all ? eg_db_text(NULL) : eg_db_int(id)));
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I}", "mails", (json_int_t)eg_rows_int(rows, 0, "mails")));
    }
    return failed;
}

static int retry(egs_ctl *ctl)
{
    return act(ctl, "ctl_returned_retry");
}

const egs_ctl_command egs_ctl_returned_retry = {
    .name = "returned retry",
    .operand = "ID|all",
    .help = "has a mail read once more that was set aside; shows how many that are",
    .run = retry,
};

static int drop(egs_ctl *ctl)
{
    return act(ctl, "ctl_returned_drop");
}

const egs_ctl_command egs_ctl_returned_drop = {
    .name = "returned drop",
    .operand = "ID|all",
    .help = "drops a mail that was set aside, unread; shows how many that are",
    .run = drop,
};
