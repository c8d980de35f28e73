/*
 * emailgwctl rotate-secret: another key for the secret file, one step a call. It is
 * added, then used, then what former keys have sealed is sealed anew.
 */
#include <string.h>

#include <apr_strings.h>

#include "ctl.h"
#include "secretfile.h"

#define VALUES_AT_ONCE 500
#define MACS_HOLD apr_time_from_sec(365 * 86400) /* links and return paths are in people's mailboxes */

/* ---- the file ------------------------------------------------------------------------ */

static int show_step(egs_ctl *ctl, const char *result, int key_id, const char *next)
{
    egs_ctl_show(ctl, json_pack("{s:s, s:s, s:i, s:s}", "file", ctl->options->secret_file, "result", result,
                                "key_id", key_id, "next", next));
    return 0;
}

static int add(egs_ctl *ctl)
{
    const char *problem;
    eg_secretfile file;

    if (eg_secretfile_add(&problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS ||
        eg_secretfile_read(&file, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    return show_step(ctl, "added", file.next,
                     "bring the file to all machines, reload httpd and the senders there, then run this "
                     "command again: the key is used from then on");
}

static int use(egs_ctl *ctl, int key_id)
{
    const char *problem;

    if (eg_secretfile_use(&problem, ctl->options->secret_file, apr_time_now() + MACS_HOLD, ctl->pool) !=
        APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    return show_step(ctl, "used", key_id,
                     "bring the file to all machines, reload httpd and the senders there, then run this "
                     "command again: what is sealed by former keys is sealed anew");
}

/* ---- what is sealed ------------------------------------------------------------------- */

/** A batch of values, each as the arguments of ctl_reseal want it. */
typedef struct {
    const char *kinds[VALUES_AT_ONCE], *account_ids[VALUES_AT_ONCE], *ids[VALUES_AT_ONCE];
    eg_bytes former[VALUES_AT_ONCE], sealed[VALUES_AT_ONCE];
    apr_size_t count;
} batch;

static eg_seal_purpose purpose_of(const char *kind)
{
    return strcmp(kind, "account") == 0 ? EG_SEAL_ACCOUNT_KEY
           : strcmp(kind, "key") == 0   ? EG_SEAL_SENDER_KEY
                                        : EG_SEAL_WEBHOOK_KEY;
}

/* One that no key of the file opens is left as it is, and told. */
static int seal_anew(batch *values, egs_ctl *ctl, const eg_secret *secret, const eg_rows *rows, int row)
{
    const char *kind = eg_rows_text(rows, row, "kind");
    apr_int64_t account_id = eg_rows_int(rows, row, "account_id");
    apr_size_t n = values->count;
    eg_bytes plain;

    values->kinds[n] = kind;
    values->account_ids[n] = eg_rows_text(rows, row, "account_id");
    values->ids[n] = eg_rows_text(rows, row, "id");
    values->former[n] = eg_rows_bytes(rows, row, "sealed", ctl->pool);
    if (eg_unseal(&plain, secret, purpose_of(kind), account_id, values->former[n], ctl->pool) !=
            APR_SUCCESS ||
        eg_seal(&values->sealed[n], secret, purpose_of(kind), account_id, plain.data, plain.size,
                ctl->pool) != APR_SUCCESS) {
        egs_ctl_refuse(ctl, "account %s: no key of %s opens the %s %s", values->account_ids[n],
                       ctl->options->secret_file, kind, values->ids[n]);
        return 1;
    }
    values->count++;
    return 0;
}

/** How far it is. */
typedef struct {
    const char *kind, *account_id, *id; /* of the last value */
    apr_int64_t resealed, left;         /* values; left: those that cannot be opened */
} progress;

/* @param found  set to the count of values that were looked at */
static int reseal_some(int *found, progress *done, egs_ctl *ctl, const eg_secret *secret)
{
    batch *values = apr_pcalloc(ctl->pool, sizeof *values);
    eg_rows *rows, *answer;
    int failed = egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_sealed",
                              EG_DB_ARGS(eg_db_int(eg_secret_key_id(secret)), eg_db_text(done->kind),
                                         eg_db_text(done->account_id), eg_db_text(done->id),
                                         eg_db_int(VALUES_AT_ONCE)));

    if (failed) {
        return failed;
    }
    *found = eg_rows_count(rows);
    for (int i = 0; i < *found; i++) {
        done->left += seal_anew(values, ctl, secret, rows, i);
        done->kind = eg_rows_text(rows, i, "kind");
        done->account_id = eg_rows_text(rows, i, "account_id");
        done->id = eg_rows_text(rows, i, "id");
    }
    failed = egs_ctl_call(
        &answer, ctl, EG_DB_REPEATABLE, "ctl_reseal",
        EG_DB_ARGS(eg_db_texts(values->kinds, values->count), eg_db_texts(values->account_ids, values->count),
                   eg_db_texts(values->ids, values->count), eg_db_bytes_array(values->former, values->count),
                   eg_db_bytes_array(values->sealed, values->count)));
    if (!failed) {
        done->resealed += eg_rows_int(answer, 0, "resealed");
    }
    return failed;
}

static int reseal(progress *done, egs_ctl *ctl, const eg_secret *secret)
{
    int found = VALUES_AT_ONCE, failed = 0;

    *done = (progress){ .kind = "", .account_id = "0", .id = "0" };
    while (!failed && found == VALUES_AT_ONCE) {
        failed = reseal_some(&found, done, ctl, secret);
    }
    return failed;
}

/* ---- the command ----------------------------------------------------------------------- */

static int rotate(egs_ctl *ctl)
{
    const char *path = ctl->options->secret_file, *problem;
    eg_secret *secret;
    eg_secretfile file;
    progress done;
    int failed;

    if (eg_secret_load(&secret, &problem, path, ctl->pool) != APR_SUCCESS ||
        eg_secretfile_read(&file, &problem, path, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    if (file.next != 0) {
        return use(ctl, file.next);
    }
    failed = reseal(&done, ctl, secret);
    if (failed || done.left > 0) {
        return 1;
    }
    if (done.resealed == 0) {
        return add(ctl);
    }
    egs_ctl_show(ctl, json_pack("{s:s, s:s, s:i, s:I}", "file", path, "result", "resealed", "key_id",
                                file.current, "values", (json_int_t)done.resealed));
    return 0;
}

const egs_ctl_command egs_ctl_rotate_secret = {
    .name = "rotate-secret",
    .help = "another key for the secret file: adds it, uses it, seals anew; one step a call",
    .run = rotate,
};
