/* emailgwctl init: the two key files that the configuration names. */
#include <apr_strings.h>

#include "ctl.h"
#include "secret.h"

/* What became of one file; with --json a path and a result. */
static int tell(egs_ctl *ctl, const char *what, const char *path, apr_status_t rv)
{
    char why[120];

    if (rv != APR_SUCCESS && !APR_STATUS_IS_EEXIST(rv)) {
        return egs_ctl_refuse(ctl, "%s cannot be made: %s", path, apr_strerror(rv, why, sizeof why));
    }
    egs_ctl_say(
        ctl, json_pack("{s:s, s:s}", "file", path, "result", rv == APR_SUCCESS ? "created" : "kept"),
        apr_psprintf(ctl->pool, "%s: %s %s", path, what, rv == APR_SUCCESS ? "created" : "is there, kept"));
    return 0;
}

/* A file that is kept must be good, or the next command fails where nobody looks for the reason. */
static int run(egs_ctl *ctl)
{
    const char *secret_file = ctl->options->secret_file, *key_file = ctl->options->sender_key_file;
    eg_secret *secret;
    eg_senderkey *key;
    const char *problem;
    int failed;

    failed = tell(ctl, "shared secret", secret_file, eg_secret_create(secret_file, ctl->pool));
    if (failed) {
        return failed;
    }
    if (eg_secret_load(&secret, &problem, secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    failed = tell(ctl, "sender's key", key_file, eg_senderkey_create(key_file, ctl->pool));
    if (failed) {
        return failed;
    }
    if (eg_senderkey_load(&key, &problem, key_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    return 0;
}

const egs_ctl_command egs_ctl_init = {
    .name = "init",
    .help = "make the key files named in the configuration; existing ones are kept",
    .run = run,
};
