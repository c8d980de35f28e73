/* emailgwctl inbound: a mail that has come back, on standard input, from an MTA's pipe. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "ctl.h"
#include "inbound.h"
#include "json.h"
#include "returned.h"
#include "secret.h"

#define DROPPED_AT_ONCE 65536 /* bytes of what is beyond the limit */

/* A return path of this gateway, and the domain that it came to. */
typedef struct {
    eg_returnpath path;
    const char *host;
} target;

/* ---- the mail ------------------------------------------------------------------- */

/* All of standard input is taken, so that the MTA can write it; what is beyond the limit is dropped. */
static int read_mail(eg_bytes *mail, egs_ctl *ctl)
{
    char *data = apr_palloc(ctl->pool, EG_RETURNED_SIZE + DROPPED_AT_ONCE);
    apr_size_t size = 0;

    for (;;) {
        int full = size == EG_RETURNED_SIZE; /* what follows goes behind it, over and over */
        ssize_t got = read(STDIN_FILENO, data + size, full ? DROPPED_AT_ONCE : EG_RETURNED_SIZE - size);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return egs_ctl_refuse(ctl, "standard input: %s", strerror(errno));
        }
        if (got == 0) {
            break;
        }
        size += full ? 0 : (apr_size_t)got;
    }
    *mail = (eg_bytes){ data, size };
    return 0;
}

/* ---- whose it is ------------------------------------------------------------------ */

/* Those of --recipient, else those that the mail's header names. */
static apr_array_header_t *find_addresses(egs_ctl *ctl, eg_bytes mail)
{
    const char *given = egs_ctl_value(ctl, "recipient");
    apr_array_header_t *addresses;
    char *rest, *one;

    if (given == NULL) {
        return egs_inbound_recipients(mail, ctl->pool);
    }
    addresses = apr_array_make(ctl->pool, 4, sizeof(const char *));
    rest = apr_pstrdup(ctl->pool, given);
    while ((one = apr_strtok(rest, "\n", &rest)) != NULL) {
        APR_ARRAY_PUSH(addresses, const char *) = one;
    }
    return addresses;
}

static int is_known(const apr_array_header_t *targets, const target *one)
{
    for (int i = 0; i < targets->nelts; i++) {
        const target *known = &APR_ARRAY_IDX(targets, i, target);

        if (known->path.account_id == one->path.account_id &&
            known->path.recipient_no == one->path.recipient_no &&
            strcmp(known->path.message_id, one->path.message_id) == 0 &&
            strcmp(known->host, one->host) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The return path that an address is, if this gateway made it. */
static void add_target(apr_array_header_t *targets, const char *address, const eg_secret *secret,
                       apr_pool_t *pool)
{
    target one;

    if (eg_returnpath_parse_address(&one.path, &one.host, address, secret, pool) == APR_SUCCESS &&
        !is_known(targets, &one)) {
        APR_ARRAY_PUSH(targets, target) = one;
    }
}

static apr_array_header_t *find_targets(const apr_array_header_t *addresses, const eg_secret *secret,
                                        apr_pool_t *pool)
{
    apr_array_header_t *targets = apr_array_make(pool, 4, sizeof(target));

    for (int i = 0; i < addresses->nelts; i++) {
        add_target(targets, APR_ARRAY_IDX(addresses, i, const char *), secret, pool);
    }
    return targets;
}

static int refuse_address(const egs_ctl *ctl)
{
    egs_ctl_refuse(ctl, "no such address: it is no return path of this gateway");
    return EX_NOUSER;
}

/* ---- what it says ------------------------------------------------------------------ */

/* Members that do not apply are absent. */
static void show(egs_ctl *ctl, const target *to, const egs_inbound *inbound, const egs_returned *returned)
{
    const char *problem;
    json_t *shown = json_pack("{s:s, s:s, s:I, s:s, s:i, s:s*}", "kind", egs_inbound_kind_name(inbound->kind),
                              "result", egs_returned_name(returned->result), "account_id",
                              (json_int_t)to->path.account_id, "message_id", to->path.message_id,
                              "recipient_no", to->path.recipient_no, "recipient", returned->recipient);
    json_t *detail = NULL, *bounce, *smtp;

    if (returned->detail != NULL && eg_json_parse(&detail, &problem, returned->detail,
                                                  strlen(returned->detail), ctl->pool) == APR_SUCCESS) {
        bounce = json_object_get(detail, "bounce");
        smtp = json_object_get(detail, "smtp");
        json_object_update(shown, bounce != NULL ? bounce : json_object_get(detail, "complaint"));
        json_object_del(shown, "reported");
        json_object_set_new(shown, "recipient", json_string(returned->recipient));
        json_object_update(shown, smtp);
        json_object_set(shown, "reported_recipient", json_object_get(bounce, "recipient"));
    }
    egs_ctl_show(ctl, shown);
}

/* Of one return path. @return an exit status: EX_NOUSER for one at a domain that it does not belong to */
static int record(egs_ctl *ctl, const target *to, const egs_inbound *inbound, eg_db *db)
{
    egs_returned returned;

    if (egs_returned_record(&returned, &to->path, to->host, inbound, db) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "the database cannot record it now: try again later");
    }
    if (returned.result == EGS_RETURNED_UNKNOWN) {
        return EX_NOUSER;
    }
    show(ctl, to, inbound, &returned);
    return 0;
}

/* One that is known makes the mail a known one's. */
static int record_all(egs_ctl *ctl, const apr_array_header_t *targets, const egs_inbound *inbound)
{
    eg_db *db = eg_db_dedicated(ctl->options->database, 0, ctl->db->log, ctl->pool);
    int known = 0;

    for (int i = 0; i < targets->nelts; i++) {
        int status = record(ctl, &APR_ARRAY_IDX(targets, i, target), inbound, db);

        if (status != 0 && status != EX_NOUSER) {
            return status;
        }
        known |= status == 0;
    }
    return known ? 0 : refuse_address(ctl);
}

/* Of a feedback loop's report: the return path that the mail was sent with, as the report has it. */
static int take_feedback(egs_ctl *ctl, eg_bytes mail, const eg_secret *secret)
{
    apr_array_header_t *targets = apr_array_make(ctl->pool, 1, sizeof(target));
    egs_inbound inbound;

    egs_inbound_read(&inbound, mail, ctl->pool);
    if (inbound.sender != NULL) {
        add_target(targets, inbound.sender, secret, ctl->pool);
    }
    if (targets->nelts == 0 || inbound.kind != EGS_INBOUND_COMPLAINT) {
        egs_ctl_say(ctl,
                    json_pack("{s:s, s:s}", "kind", egs_inbound_kind_name(inbound.kind), "result", "ignored"),
                    "no complaint about a mail of this gateway");
        return 0;
    }
    return record_all(ctl, targets, &inbound);
}

static int take_mail(egs_ctl *ctl, eg_bytes mail, const eg_secret *secret)
{
    const apr_array_header_t *targets = find_targets(find_addresses(ctl, mail), secret, ctl->pool);
    egs_inbound inbound;

    if (targets->nelts == 0) {
        return refuse_address(ctl);
    }
    egs_inbound_read(&inbound, mail, ctl->pool);
    return record_all(ctl, targets, &inbound);
}

static int run(egs_ctl *ctl)
{
    eg_bytes mail = { "", 0 };
    const char *problem;
    eg_secret *secret;

    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    if (egs_ctl_value(ctl, "check") != NULL) {
        return find_targets(find_addresses(ctl, mail), secret, ctl->pool)->nelts > 0 ? 0
                                                                                     : refuse_address(ctl);
    }
    egs_inbound_start();
    if (read_mail(&mail, ctl) != 0) {
        return 1;
    }
    return egs_ctl_value(ctl, "feedback") != NULL ? take_feedback(ctl, mail, secret)
                                                  : take_mail(ctl, mail, secret);
}

static const egs_ctl_option options[] = {
    { "recipient", "ADDRESS", "envelope recipient, may stand several times; default: what the header says",
      0 },
    { "check", NULL, "only tell whether the recipient is a return path: nothing is read", 0 },
    { "feedback", NULL, "a feedback loop's report: the return path is the one in it", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_inbound = {
    .name = "inbound",
    .options = options,
    .help = "takes a mail that has come back on standard input; exit status as sysexits.h: 0, 67, 75",
    .many = "recipient",
    .failure = EX_TEMPFAIL,
    .run = run,
};
