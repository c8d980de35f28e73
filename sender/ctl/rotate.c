/*
 * emailgwctl domain rotate-dkim: another DKIM key for a domain. The first call makes
 * it and shows its record; a later one, when DNS has that record, has mail signed with
 * it. Until then nothing changes for anybody.
 */
#include "ctl.h"
#include "datetime.h"
#include "domaincheck.h"
#include "newdomain.h"

/* Beyond our own retries: mails wait at smart hosts, and are verified again where they are forwarded. */
#define ON_THEIR_WAY apr_time_from_sec(7 * 86400)

/* ---- what is shown ------------------------------------------------------------------- */

/* The signing selector first, whichever call it is. */
static json_t *begin_report(const char *name, const eg_rows *rows, const char *result)
{
    return json_pack("{s:I, s:s, s:s, s:s}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                     "domain", name, "result", result, "signing_selector",
                     eg_rows_text(rows, 0, "dkim_selector"));
}

/* The pending record; where it was looked up and will not do, why. */
static void show_pending(egs_ctl *ctl, const eg_rows *rows, const eg_domainfacts *facts,
                         const eg_domainrecord *record, int looked_up)
{
    static const egs_ctl_column since[] = { { "pending_since", EGS_COLUMN_TIME }, { NULL, EGS_COLUMN_TEXT } };
    json_t *shown = begin_report(facts->name, rows, "pending"), *time = egs_ctl_row(ctl, rows, 0, since);

    json_object_set_new(shown, "pending_selector", json_string(facts->dkim_selector));
    json_object_update(shown, time);
    json_decref(time);
    if (looked_up) {
        json_object_set_new(shown, "state", json_string(egs_ctl_state_name(record->state)));
        json_object_set_new(shown, "reason", json_string(record->reason));
        json_object_set_new(shown, "found", json_string(record->found));
    }
    json_object_set_new(shown, "publish",
                        json_pack("[{s:s, s:s, s:s}]", "host", record->host, "type",
                                  eg_dns_type_name(record->type), "value", record->value));
    json_object_set_new(
        shown, "next",
        json_string("publish this record beside the current one, then run this command again"));
    egs_ctl_show(ctl, shown);
}

/* What the former key has signed may be verified as long as it is on its way. */
static void show_changed(egs_ctl *ctl, const eg_rows *rows, const char *name)
{
    const eg_domainfacts former = { .name = name, .dkim_selector = eg_rows_text(rows, 0, "former_selector") };
    eg_domainrecord record = eg_domainrecord_of_key(&former, ctl->pool);
    apr_time_t when = apr_time_now() + ctl->options->lifetime + ON_THEIR_WAY;
    json_t *shown = begin_report(name, rows, "changed");
    char after[EG_DATETIME_SIZE];

    eg_datetime_format(after, apr_time_from_sec(apr_time_sec(when)));
    json_object_set_new(shown, "take_out",
                        json_pack("[{s:s, s:s, s:s}]", "host", record.host, "type",
                                  eg_dns_type_name(record.type), "not_before", after));
    json_object_set_new(
        shown, "next",
        json_string("keep the former record until then: mails that it verifies are on their way"));
    egs_ctl_show(ctl, shown);
}

/* ---- the steps ----------------------------------------------------------------------- */

static eg_domainfacts pending_facts(const eg_rows *rows, const char *name)
{
    return (eg_domainfacts){ .name = name,
                             .dkim_selector = eg_rows_text(rows, 0, "pending_selector"),
                             .dkim_record = eg_rows_text(rows, 0, "pending_record") };
}

/* Two who begin at once are shown the same key: that of the one who was first. */
static int begin(egs_ctl *ctl, const char *name, apr_int64_t account_id)
{
    eg_bytes sender, sealed;
    eg_domainrecord record;
    eg_domainfacts facts;
    eg_dkimkey key;
    eg_rows *rows;
    int failed = egs_ctl_sender_key(&sender, ctl);

    if (failed) {
        return failed;
    }
    if (eg_newdomain_make_key(&key, &sealed, sender, account_id, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no key; is %s.pub a key?", ctl->options->sender_key_file);
    }
    failed = egs_ctl_act(&rows, ctl, "ctl_domain_rotate",
                         EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name), eg_db_text(key.selector),
                                    eg_db_text(key.record), eg_db_bytes(sealed.data, sealed.size)));
    if (!failed) {
        facts = pending_facts(rows, name);
        record = eg_domainrecord_of_key(&facts, ctl->pool);
        show_pending(ctl, rows, &facts, &record, 0);
    }
    return failed;
}

static int finish(egs_ctl *ctl, const eg_domainfacts *facts, apr_int64_t account_id)
{
    eg_rows *rows;
    int failed = egs_ctl_act(
        &rows, ctl, "ctl_domain_rotate_finish",
        EG_DB_ARGS(eg_db_int(account_id), eg_db_text(facts->name), eg_db_text(facts->dkim_selector)));

    if (!failed) {
        show_changed(ctl, rows, facts->name);
    }
    return failed;
}

/* Is the pending record in DNS? */
static int look_up(egs_ctl *ctl, const eg_rows *rows, const char *name, apr_int64_t account_id)
{
    const eg_dns_resolver resolver = { .servers = ctl->options->resolver,
                                       .timeout = ctl->options->resolver_timeout };
    eg_domainfacts facts = pending_facts(rows, name);
    eg_domainrecord record = eg_domainrecord_of_key(&facts, ctl->pool);

    if (eg_dns_start(ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "c-ares does not start");
    }
    eg_domaincheck_run_one(&record, &facts, &resolver, ctl->pool);
    if (record.state == EG_RECORD_HOLDS) {
        return finish(ctl, &facts, account_id);
    }
    show_pending(ctl, rows, &facts, &record, 1);
    return egs_ctl_refuse(ctl, "%s: %s; mail is signed with %s as before", record.host, record.reason,
                          eg_rows_text(rows, 0, "dkim_selector"));
}

static int abandon(egs_ctl *ctl, const char *name, apr_int64_t account_id)
{
    eg_rows *rows;
    int failed = egs_ctl_act(&rows, ctl, "ctl_domain_rotate_abandon",
                             EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name)));

    if (!failed) {
        json_t *shown = begin_report(name, rows, "abandoned");

        json_object_set_new(shown, "abandoned_selector",
                            json_string(eg_rows_text(rows, 0, "abandoned_selector")));
        egs_ctl_show(ctl, shown);
    }
    return failed;
}

/* ---- the command --------------------------------------------------------------------- */

static int rotate(egs_ctl *ctl)
{
    apr_int64_t account_id;
    const char *name;
    eg_rows *rows;
    int failed = egs_ctl_domain(&name, ctl, ctl->operand);

    if (!failed) {
        failed = egs_ctl_account(&account_id, ctl);
    }
    if (!failed && egs_ctl_value(ctl, "abandon") != NULL) {
        return abandon(ctl, name, account_id);
    }
    if (!failed) {
        failed = egs_ctl_act(&rows, ctl, "ctl_domain_rotate",
                             EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name), eg_db_text(NULL),
                                        eg_db_text(NULL), eg_db_text(NULL)));
    }
    if (failed) {
        return failed;
    }
    return eg_rows_text(rows, 0, "pending_selector") == NULL ? begin(ctl, name, account_id)
                                                             : look_up(ctl, rows, name, account_id);
}

static const egs_ctl_option options[] = {
    { "user", "NAME", "whose domain", 1 },
    { "abandon", NULL, "drop the pending key, keep the current one", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_domain_rotate = {
    .name = "domain rotate-dkim",
    .operand = "NAME",
    .options = options,
    .help = "another DKIM key: first its record, then, when DNS has it, the change",
    .run = rotate,
};
