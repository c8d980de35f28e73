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

/* What the options say about each limit, and names of those that they leave alone or give back. */
typedef struct {
    eg_dbarg value[LIMITS];
    const char *keep[LIMITS], *inherit[LIMITS];
    apr_size_t kept, inherited;
} wishes;

/* @return 0, or the exit status after a complaint */
static int read_wishes(wishes *wish, egs_ctl *ctl)
{
    for (size_t i = 0; i < LIMITS; i++) {
        const char *text = egs_ctl_value(ctl, names[i]);

        wish->value[i] = eg_db_text(NULL);
        if (text == NULL) {
            wish->keep[wish->kept++] = names[i];
        }
        else if (strcmp(text, "group") == 0 && ctl->operand != NULL) {
            wish->inherit[wish->inherited++] = names[i];
        }
        else if (!is_limit(text)) {
            return egs_ctl_misuse(ctl, "--%s: \"%s\" given, allowed is a number of up to %d digits, %s",
                                  names[i], text, LIMIT_DIGITS,
                                  ctl->operand != NULL ? "none, or group" : "or none");
        }
        else if (strcmp(text, "none") != 0) {
            wish->value[i] = eg_db_text(text);
        }
    }
    return 0;
}

static int run(egs_ctl *ctl)
{
    const char *group = egs_ctl_value(ctl, "group");
    eg_dbarg user = eg_db_text(ctl->operand);
    wishes wish = { .kept = 0 };
    eg_rows *rows;
    int failed;

    if ((ctl->operand == NULL) == (group == NULL)) {
        return egs_ctl_misuse(ctl, "either a user or a group must be named");
    }
    failed = egs_ctl_check_name(ctl, "group", group);
    if (!failed) {
        failed = read_wishes(&wish, ctl);
    }
    if (!failed && wish.kept < LIMITS) {
        failed = egs_ctl_act(&rows, ctl, "ctl_limits_set",
                             EG_DB_ARGS(user, eg_db_text(group), wish.value[0], wish.value[1], wish.value[2],
                                        wish.value[3], eg_db_texts(wish.keep, wish.kept),
                                        eg_db_texts(wish.inherit, wish.inherited)));
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
    { "hour", "N", "mails an hour; none: no limit; group: its group's again", 0 },
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
