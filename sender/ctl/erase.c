/* emailgwctl erase: one person out of everything; the sender does it, here is waited for it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "addresshash.h"
#include "ctl.h"
#include "json.h"
#include "mailbox.h"

#define LOOK_EVERY apr_time_from_msec(500)

/* The address, what it is known by afterwards, and how it waits until then. */
static int hide(const char **address, const char **hash, eg_bytes *sealed, egs_ctl *ctl,
                apr_int64_t account_id)
{
    const char *problem;
    eg_secret *secret;
    eg_mailbox box;

    *address = *hash = NULL;
    if (eg_mailbox_parse(&box, ctl->operand, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "\"%s\" is no address: local@domain is needed, without name or brackets",
                              ctl->operand);
    }
    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the key files", problem);
    }
    *address = box.address;
    *hash = eg_addresshash_new(secret, box.address, ctl->pool);
    if (*hash == NULL || eg_seal(sealed, secret, EG_SEAL_ERASURE, account_id, box.address,
                                 strlen(box.address), ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "the address cannot be sealed");
    }
    return 0;
}

/* How far it is, for whoever looks on. */
static void show_progress(const egs_ctl *ctl, const json_t *counts)
{
    if (!ctl->json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "\r%" JSON_INTEGER_FORMAT " events looked at",
                json_integer_value(json_object_get(counts, "events_read")));
    }
}

/* @param templates  that tell of the person: their users' own to change */
static void show(const egs_ctl *ctl, const char *erasure_id, const char *state, json_t *counts,
                 json_t *templates)
{
    json_t *shown = json_pack("{s:I, s:s}", "erasure_id", (json_int_t)apr_atoi64(erasure_id), "state", state);

    if (!ctl->json && isatty(STDERR_FILENO)) {
        fputs("\r\033[K", stderr);
    }
    json_object_update(shown, counts);
    if (ctl->json || json_array_size(templates) > 0) {
        json_object_set(shown, "templates", templates);
    }
    egs_ctl_show(ctl, shown);
}

/* Until it is done, or only once. */
static int wait_for(egs_ctl *ctl, apr_int64_t account_id, const char *erasure_id, int once)
{
    for (;;) {
        const char *state;
        json_t *counts;
        eg_rows *rows;
        int failed = egs_ctl_act(&rows, ctl, "ctl_erasure_get",
                                 EG_DB_ARGS(eg_db_int(account_id), eg_db_text(erasure_id)));

        if (failed) {
            return failed;
        }
        counts = eg_json_stored(eg_rows_text(rows, 0, "counts"), ctl->pool);
        state = eg_rows_text(rows, 0, "state");
        if (once || strcmp(state, "done") == 0) {
            show(ctl, erasure_id, state, counts,
                 eg_json_stored(eg_rows_text(rows, 0, "templates"), ctl->pool));
            return 0;
        }
        show_progress(ctl, counts);
        apr_sleep(LOOK_EVERY);
    }
}

static int run(egs_ctl *ctl)
{
    const char *address, *hash;
    apr_int64_t account_id;
    eg_bytes sealed;
    eg_rows *rows;
    int failed = egs_ctl_account(&account_id, ctl);

    failed = failed ? failed : hide(&address, &hash, &sealed, ctl, account_id);
    failed = failed ? failed
                    : egs_ctl_act(&rows, ctl, "ctl_erasure_add",
                                  EG_DB_ARGS(eg_db_int(account_id), eg_db_text(address), eg_db_text(hash),
                                             eg_db_bytes(sealed.data, sealed.size)));
    return failed ? failed
                  : wait_for(ctl, account_id, eg_rows_text(rows, 0, "erasure_id"),
                             egs_ctl_value(ctl, "no-wait") != NULL);
}

static const egs_ctl_option options[] = {
    { "user", "NAME", "out of what this user has only; default: all of them", 0 },
    { "no-wait", NULL, "do not wait until it is done", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_erase = {
    .name = "erase",
    .operand = "ADDRESS",
    .options = options,
    .help = "one person out of mails, events and lists; shows how much there was",
    .run = run,
};
