/* emailgwctl user limits: what an account or a group may send, and what of it is used. */
#include <string.h>

#include <apr_strings.h>

#include "ctl.h"

#define LIMIT_DIGITS 15 /* far below 2^63 */

/* As emailgw_api.ctl_limits_set takes them, in this order. */
static const char *const names[] = { "hour", "day", "month", "domains" };

#define LIMITS (sizeof names / sizeof *names)

static const egs_ctl_column columns[] = {
    { "name", EGS_COLUMN_TEXT },         { "sends_per_hour", EGS_COLUMN_NUMBER },
    { "used_hour", EGS_COLUMN_NUMBER },  { "sends_per_day", EGS_COLUMN_NUMBER },
    { "used_day", EGS_COLUMN_NUMBER },   { "sends_per_month", EGS_COLUMN_NUMBER },
    { "used_month", EGS_COLUMN_NUMBER }, { "max_domains", EGS_COLUMN_NUMBER },
    { "source", EGS_COLUMN_TEXT },       { NULL, EGS_COLUMN_TEXT },
};

static int is_limit(const char *text)
{
    apr_size_t length = strlen(text);

    return strcmp(text, "none") == 0 ||
           (length >= 1 && length <= LIMIT_DIGITS && strspn(text, "0123456789") == length);
}

/* The limits that were named; the others are kept. @return their number, or -1 after a complaint */
static int read_limits(eg_dbarg limits[LIMITS], const char *keep[LIMITS], egs_ctl *ctl)
{
    int given = 0, kept = 0;

    for (size_t i = 0; i < LIMITS; i++) {
        const char *text = egs_ctl_value(ctl, names[i]);

        limits[i] = eg_db_text(NULL);
        if (text == NULL) {
            keep[kept++] = names[i];
            continue;
        }
        if (!is_limit(text)) {
            egs_ctl_misuse(ctl, "--%s: \"%s\" given, allowed is a number of up to %d digits, or none",
                           names[i], text, LIMIT_DIGITS);
            return -1;
        }
        if (strcmp(text, "none") != 0) {
            limits[i] = eg_db_text(text);
        }
        given++;
    }
    return given;
}

static int run(egs_ctl *ctl)
{
    const char *group = egs_ctl_value(ctl, "group"), *keep[LIMITS];
    eg_dbarg user = eg_db_text(ctl->operand), limits[LIMITS];
    eg_rows *rows;
    int failed = 0, given;

    if ((ctl->operand == NULL) == (group == NULL)) {
        return egs_ctl_misuse(ctl, "either a user or a group must be named");
    }
    given = read_limits(limits, keep, ctl);
    if (given < 0) {
        return 2;
    }
    if (given > 0) {
        failed = egs_ctl_act(&rows, ctl, "ctl_limits_set",
                             EG_DB_ARGS(user, eg_db_text(group), limits[0], limits[1], limits[2], limits[3],
                                        eg_db_texts(keep, LIMITS - (apr_size_t)given)));
    }
    if (!failed) {
        failed = egs_ctl_act(&rows, ctl, "ctl_limits_get", EG_DB_ARGS(user, eg_db_text(group)));
    }
    if (!failed) {
        egs_ctl_show(ctl, egs_ctl_row(ctl, rows, 0, columns));
    }
    return failed;
}

static const egs_ctl_option options[] = {
    { "group", "NAME", "limits of a group, made when missing", 0 },
    { "hour", "N", "mails an hour; none is no limit", 0 },
    { "day", "N", "mails a day", 0 },
    { "month", "N", "mails a month", 0 },
    { "domains", "N", "sender domains", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_user_limits = {
    .name = "user limits",
    .operand = "NAME",
    .operand_optional = 1,
    .options = options,
    .help = "set or show limits and the present usage",
    .run = run,
};
