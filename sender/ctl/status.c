/* emailgwctl status: versions, sizes, how late the queue is, whether commits are durable, what came back. */
#include "ctl.h"

static const egs_ctl_column columns[] = {
    { "migration", EGS_COLUMN_NUMBER },
    { "code_sha256", EGS_COLUMN_TEXT },
    { "accounts", EGS_COLUMN_NUMBER },
    { "domains", EGS_COLUMN_NUMBER },
    { "queued", EGS_COLUMN_NUMBER },
    { "due", EGS_COLUMN_NUMBER },
    { "in_flight", EGS_COLUMN_NUMBER },
    { "oldest_due_seconds", EGS_COLUMN_NUMBER },
    { "partitions_until", EGS_COLUMN_TIME },
    { "server_version", EGS_COLUMN_TEXT },
    { "durability", EGS_COLUMN_TEXT },
    { "returned_waiting", EGS_COLUMN_NUMBER },
    { "returned_set_aside", EGS_COLUMN_NUMBER },
    { NULL, EGS_COLUMN_TEXT },
};

static int run(egs_ctl *ctl)
{
    eg_rows *rows;
    int failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_status", NULL, 0);

    if (!failed) {
        egs_ctl_show(ctl, egs_ctl_row(ctl, rows, 0, columns));
    }
    return failed;
}

const egs_ctl_command egs_ctl_status = {
    .name = "status",
    .help = "versions, sizes, how late the queue is, whether commits are durable, what came back",
    .run = run,
};
