/*
 * emailgwctl: what a command is, what it gets, how it answers.
 *
 * Every command prints through ctl/output.c: with --json one object per line,
 * else text for people. It returns the exit status: 0, 1 for a refusal, 2 for
 * a mistake in how it was called.
 */
#ifndef EGS_CTL_H
#define EGS_CTL_H

#include <jansson.h>

#include "db.h"
#include "domainrecords.h"
#include "options.h"
#include "secret.h"

#define EGS_CTL_OPTIONS_MAX 10 /* of one command */

typedef struct egs_ctl egs_ctl;

typedef struct {
    const char *name;  /* without the dashes */
    const char *value; /* what its value is called in the help; NULL when it takes none */
    const char *help;
    int required;
} egs_ctl_option;

typedef struct {
    const char *name;    /* "status", "user add" */
    const char *operand; /* what the first operand is called in the help; NULL when there is none */
    int operand_optional;
    const char *second;            /* the same of another one behind it */
    const egs_ctl_option *options; /* ended by a NULL name; NULL for none */
    const char *help;              /* one line */
    const char *many;              /* option that may stand several times: its value has LF between them */
    int failure; /* exit status in place of 1 and 2, for those who call it from a program; 0: as they are */
    int (*run)(egs_ctl *ctl);
} egs_ctl_command;

struct egs_ctl {
    apr_pool_t *pool;
    const egs_options *options;
    eg_db *db;
    int json;
    int is_fit; /* the database's functions are new enough, or any will do */
    const egs_ctl_command *command;
    const char *operand; /* NULL when it was not given */
    const char *second;
    const char *values[EGS_CTL_OPTIONS_MAX]; /* in the order of command->options */
};

extern const egs_ctl_command egs_ctl_init, egs_ctl_migrate, egs_ctl_status;
extern const egs_ctl_command egs_ctl_user_add, egs_ctl_user_set, egs_ctl_user_list, egs_ctl_user_limits;
extern const egs_ctl_command egs_ctl_domain_add, egs_ctl_domain_enable, egs_ctl_domain_list,
    egs_ctl_domain_dns;
extern const egs_ctl_command egs_ctl_domain_rotate, egs_ctl_domain_source;
extern const egs_ctl_command egs_ctl_key_add, egs_ctl_key_list, egs_ctl_key_delete;
extern const egs_ctl_command egs_ctl_suppress_add, egs_ctl_suppress_remove, egs_ctl_suppress_list;
extern const egs_ctl_command egs_ctl_queue_list, egs_ctl_queue_cancel;
extern const egs_ctl_command egs_ctl_sts;
extern const egs_ctl_command egs_ctl_webhook_list, egs_ctl_webhook_replay;
extern const egs_ctl_command egs_ctl_returned_list, egs_ctl_returned_retry, egs_ctl_returned_drop;
extern const egs_ctl_command egs_ctl_inbound;
extern const egs_ctl_command egs_ctl_rotate_secret;
extern const egs_ctl_command egs_ctl_erase;

/* ctl/call.c: arguments and the database. */

/** The value of one of the command's options; "" for one that takes none; NULL when it was not given. */
const char *egs_ctl_value(const egs_ctl *ctl, const char *name);

/** The option of commands that list much, for egs_ctl_limit. */
#define EGS_CTL_LIMIT                                                                                        \
    {                                                                                                        \
        "limit", "N", "at most so many lines, default 100", 0                                                \
    }

/** The value of --limit, 1 to 100000; 100 when it was not given. @return 0, or the exit status after a complaint */
int egs_ctl_limit(apr_int64_t *limit, egs_ctl *ctl);

/** Decimal digits, 1 to max. @return 0 when the text is none of that */
int egs_ctl_number(apr_int64_t *number, const char *text, apr_int64_t max);

/**
 * The name of a user or group as it is allowed: such names stand in configuration files, URLs
 * and shell commands.
 * @param what  what it names, for the refusal
 * @param name  NULL, where none was given, is allowed
 * @return 0, or the exit status after a refusal that has been told
 */
int egs_ctl_check_name(egs_ctl *ctl, const char *what, const char *name);

/**
 * Call emailgw_api.<function>.
 * @return 0, or the exit status after a failure that has been told
 */
int egs_ctl_call(eg_rows **rows, egs_ctl *ctl, eg_db_repeat repeat, const char *function,
                 const eg_dbarg *args, apr_size_t count);

/** The same for functions that answer one row with a status: anything but 'ok' is told as a refusal. */
int egs_ctl_act(eg_rows **rows, egs_ctl *ctl, const char *function, const eg_dbarg *args, apr_size_t count);

/** That row's status, for those who have looked at the row before. @return as egs_ctl_act */
int egs_ctl_judge(egs_ctl *ctl, const eg_rows *rows);

/** The account of the user named by --user; 0 where --user is absent. @return as egs_ctl_call */
int egs_ctl_account(apr_int64_t *account_id, egs_ctl *ctl);

/** An account id as an argument: 0 is SQL NULL. */
eg_dbarg egs_ctl_id(apr_int64_t account_id);

/** A domain name to A-labels. @return 0, or the exit status after a refusal that has been told */
int egs_ctl_domain(const char **ascii, egs_ctl *ctl, const char *text);

/**
 * That a sender domain is one of an account's, for commands that read.
 * @param name  in A-labels; NULL, where none was given, is all of them
 * @return 0, or the exit status after a refusal that has been told
 */
int egs_ctl_owned_domain(egs_ctl *ctl, apr_int64_t account_id, const char *name);

/**
 * egs_ctl_act for a domain of the user named by --user: its arguments are the account and
 * the name.
 * @param text  the domain as it was given
 * @param name  the same in A-labels
 */
int egs_ctl_act_for_domain(eg_rows **rows, const char **name, egs_ctl *ctl, const char *function,
                           const char *text);

/** The public half of the sender's key. @return 0, or the exit status after a refusal that has been told */
int egs_ctl_sender_key(eg_bytes *key, egs_ctl *ctl);

/* ctl/output.c */

/** Tell why not, on standard error. @return 1 */
int egs_ctl_refuse(const egs_ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Tell what is wrong with the call and how it goes, on standard error. @return 2 */
int egs_ctl_misuse(const egs_ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** "emailgwctl user add NAME --email ADDRESS [...]". */
const char *egs_ctl_synopsis(const egs_ctl_command *command, apr_pool_t *pool);

/** One object: a line of JSON, or a "name  value" line for each member. The reference is taken over. */
void egs_ctl_show(const egs_ctl *ctl, json_t *object);

/** One thing done: a line of JSON, or the sentence. The reference is taken over. */
void egs_ctl_say(const egs_ctl *ctl, json_t *object, const char *sentence);

typedef struct {
    const char *name; /* of the column, of the member and, with blanks for underscores, in the heading */
    enum { EGS_COLUMN_TEXT, EGS_COLUMN_NUMBER, EGS_COLUMN_TIME } kind;
} egs_ctl_column;

/**
 * Rows: a line of JSON each, or a table.
 * @param columns  ended by a NULL name
 * @param none  what is said to people when there are no rows
 */
void egs_ctl_list(const egs_ctl *ctl, const eg_rows *rows, const egs_ctl_column *columns, const char *none);

/** One row as an object. */
json_t *egs_ctl_row(const egs_ctl *ctl, const eg_rows *rows, int row, const egs_ctl_column *columns);

/** "verified", "failed", "unknown". */
const char *egs_ctl_state_name(eg_record_state state);

/* ctl/password.c */

/**
 * A password from --password, --password-file ("-" is standard input) or, where
 * neither is given, twice from the terminal; then its bcrypt hash.
 * @param ask  0: leave hash at NULL when neither option is given
 * @return 0, or the exit status after a failure that has been told
 */
int egs_ctl_password(const char **hash, egs_ctl *ctl, int ask);

#endif
