/* emailgwctl domain add, enable, list, dns: sender domains. */
#include "ctl.h"
#include "domainrow.h"
#include "hostname.h"
#include "newdomain.h"
#include "trackurl.h"

/* ---- domain add ------------------------------------------------------------------- */

static int check_subdomain(const char **label, egs_ctl *ctl, const char *name)
{
    const char *given = egs_ctl_value(ctl, "subdomain");

    if (given == NULL) {
        given = EG_SUBDOMAIN_DEFAULT;
    }
    if (eg_subdomain_parse(label, given, name, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(
            ctl, "--subdomain: \"%s\" given, one label of letters, digits and inner hyphens is needed",
            given);
    }
    return 0;
}

static int check_tracking_url(const char **url, egs_ctl *ctl)
{
    const char *given = egs_ctl_value(ctl, "tracking-url");

    *url = NULL;
    if (given != NULL && eg_trackurl_parse(url, given, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "--tracking-url: \"%s\" given, " EG_TRACKURL_FORM " are needed", given);
    }
    return 0;
}

/* The name in EHLO need not be one that others can look up; a host that records lead to must. */
static int find_mail_host(const char **mail_host, egs_ctl *ctl)
{
    const char *hostname = ctl->options->hostname;

    *mail_host = ctl->options->mail_host;
    if (*mail_host == NULL && hostname != NULL &&
        eg_hostname_parse(mail_host, hostname, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl,
                              "hostname = %s: records cannot lead to it; set mail_host to a full host name, "
                              "such as mail.example.net",
                              hostname);
    }
    return 0;
}

/* Keys of the domain, sealed to those who may use them. */
static int make_keys(eg_newdomain *made, egs_ctl *ctl, const char *name, const char *subdomain,
                     const char *tracking_url, apr_int64_t account_id)
{
    const egs_options *options = ctl->options;
    eg_domain_settings settings;
    const char *mail_host, *problem;
    eg_secret *secret;
    eg_bytes sender;
    int failed;

    failed = find_mail_host(&mail_host, ctl);
    if (failed) {
        return failed;
    }
    if (eg_secret_load(&secret, &problem, options->secret_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the key files", problem);
    }
    failed = egs_ctl_sender_key(&sender, ctl);
    if (failed) {
        return failed;
    }
    eg_domain_settings_make(&settings, mail_host, options->tracking_url, ctl->pool);
    if (eg_newdomain_make(made, name, subdomain, tracking_url, &settings, secret, sender, account_id,
                          ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no keys; is %s.pub a key?", options->sender_key_file);
    }
    return 0;
}

/* What the domain's owner publishes. */
static json_t *list_to_publish(const eg_domainfacts *facts, apr_pool_t *pool)
{
    eg_domainrecord records[EG_RECORDS_MAX];
    int count = eg_domainrecords_make(records, facts, pool);
    json_t *list = json_array();

    for (int i = 0; i < count; i++) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s}", "host", records[i].host, "type",
                                              eg_dns_type_name(records[i].type), "purpose",
                                              eg_record_purpose_name(records[i].purpose), "required",
                                              records[i].required, "value", records[i].value));
    }
    return list;
}

/* A limit that was reached comes with whose it is and how much. */
static int judge_new(egs_ctl *ctl, const eg_rows *rows)
{
    const char *detail = eg_rows_text(rows, 0, "detail");

    return detail == NULL
               ? egs_ctl_judge(ctl, rows)
               : egs_ctl_refuse(ctl, "%s: %s: %s", ctl->operand, eg_rows_text(rows, 0, "status"), detail);
}

/* The name as given to --json readers is the stored one: A-labels. */
static int store_new(egs_ctl *ctl, const eg_newdomain *made, apr_int64_t account_id)
{
    const char *enable = egs_ctl_value(ctl, "enable") != NULL ? "true" : "false";
    const eg_domainfacts *facts = &made->facts;
    eg_domainfacts stored = *facts;
    eg_rows *rows;
    int failed;

    failed =
        egs_ctl_call(&rows, ctl, EG_DB_ONCE, "ctl_domain_add",
                     EG_DB_ARGS(eg_db_int(account_id), eg_db_text(facts->name), eg_db_text(enable),
                                eg_db_text(facts->subdomain), eg_db_text(facts->tracking_url),
                                eg_db_text(facts->ownership_token), eg_db_text(facts->dkim_selector),
                                eg_db_text(facts->dkim_record),
                                eg_db_bytes(made->dkim_sealed.data, made->dkim_sealed.size),
                                eg_db_bytes(made->webhook_key_sealed.data, made->webhook_key_sealed.size),
                                eg_db_text(facts->mail_host), eg_db_text(facts->tracking_host)));
    if (!failed) {
        failed = judge_new(ctl, rows);
    }
    if (!failed) {
        stored.dkim_selector = eg_rows_text(rows, 0, "dkim_selector");
        egs_ctl_show(ctl, json_pack("{s:I, s:s, s:s, s:s, s:o}", "domain_id",
                                    (json_int_t)eg_rows_int(rows, 0, "domain_id"), "domain", facts->name,
                                    "status", eg_rows_text(rows, 0, "domain_status"), "subdomain",
                                    facts->subdomain, "records", list_to_publish(&stored, ctl->pool)));
    }
    return failed;
}

static int add(egs_ctl *ctl)
{
    const char *name, *subdomain, *tracking_url, *problem;
    apr_int64_t account_id;
    eg_newdomain made;
    int failed;

    if (eg_newdomain_parse(&name, &problem, ctl->operand, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "\"%s\" is no sender domain: %s", ctl->operand, problem);
    }
    failed = check_subdomain(&subdomain, ctl, name);
    if (!failed) {
        failed = check_tracking_url(&tracking_url, ctl);
    }
    if (!failed) {
        failed = egs_ctl_account(&account_id, ctl);
    }
    if (!failed) {
        failed = make_keys(&made, ctl, name, subdomain, tracking_url, account_id);
    }
    return failed ? failed : store_new(ctl, &made, account_id);
}

/* ---- domain enable, list ------------------------------------------------------------ */

static int enable(egs_ctl *ctl)
{
    const char *name;
    eg_rows *rows;
    int failed = egs_ctl_act_for_domain(&rows, &name, ctl, "ctl_domain_enable", ctl->operand);

    if (!failed) {
        egs_ctl_show(ctl,
                     json_pack("{s:I, s:s, s:s}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                               "domain", name, "status", eg_rows_text(rows, 0, "domain_status")));
    }
    return failed;
}

/* The long records are for programs; domain add showed them to people. */
static const egs_ctl_column columns_text[] = {
    { "username", EGS_COLUMN_TEXT },      { "domain_id", EGS_COLUMN_NUMBER },
    { "name", EGS_COLUMN_TEXT },          { "domain_status", EGS_COLUMN_TEXT },
    { "subdomain", EGS_COLUMN_TEXT },     { "tracking_base_url", EGS_COLUMN_TEXT },
    { "dkim_selector", EGS_COLUMN_TEXT }, { "source_address", EGS_COLUMN_TEXT },
    { "created_at", EGS_COLUMN_TIME },    { NULL, EGS_COLUMN_TEXT },
};

static const egs_ctl_column columns_json[] = {
    { "account_id", EGS_COLUMN_NUMBER },      { "username", EGS_COLUMN_TEXT },
    { "domain_id", EGS_COLUMN_NUMBER },       { "name", EGS_COLUMN_TEXT },
    { "domain_status", EGS_COLUMN_TEXT },     { "created_at", EGS_COLUMN_TIME },
    { "dkim_selector", EGS_COLUMN_TEXT },     { "dkim_record", EGS_COLUMN_TEXT },
    { "ownership_token", EGS_COLUMN_TEXT },   { "subdomain", EGS_COLUMN_TEXT },
    { "tracking_base_url", EGS_COLUMN_TEXT }, { "pending_selector", EGS_COLUMN_TEXT },
    { "source_address", EGS_COLUMN_TEXT },    { NULL, EGS_COLUMN_TEXT },
};

static int list(egs_ctl *ctl)
{
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = egs_ctl_account(&account_id, ctl);

    if (!failed) {
        failed =
            egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "ctl_domain_list", EG_DB_ARGS(egs_ctl_id(account_id)));
    }
    if (!failed) {
        egs_ctl_list(ctl, rows, ctl->json ? columns_json : columns_text, "there are no domains");
    }
    return failed;
}

/* ---- domain dns ----------------------------------------------------------------------- */

/* The long values stand last, so that people see the rest. */
static json_t *list_states(const eg_domaincheck *check, int looked_up)
{
    json_t *list = json_array();

    for (int i = 0; i < check->count; i++) {
        const eg_domainrecord *one = &check->records[i];
        json_t *item = json_pack("{s:s, s:b, s:s}", "purpose", eg_record_purpose_name(one->purpose),
                                 "required", one->required, "state", egs_ctl_state_name(one->state));

        if (looked_up) {
            json_object_set_new(item, "reason", json_string(one->reason));
        }
        json_object_set_new(item, "host", json_string(one->host));
        json_object_set_new(item, "type", json_string(eg_dns_type_name(one->type)));
        json_object_set_new(item, "value", json_string(one->value));
        json_array_append_new(list, item);
    }
    return list;
}

/* What is there instead of what should be. */
static json_t *list_found(const eg_domaincheck *check)
{
    json_t *list = json_array();

    for (int i = 0; i < check->count; i++) {
        if (check->records[i].state == EG_RECORD_FAILS && *check->records[i].found != '\0') {
            json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "host", check->records[i].host, "type",
                                                  eg_dns_type_name(check->records[i].type), "found",
                                                  check->records[i].found));
        }
    }
    return list;
}

/* All of it in one list for programs, in two tables for people. */
static void show_dns(egs_ctl *ctl, const eg_domaincheck *check, const eg_rows *rows, int looked_up)
{
    json_t *shown = json_pack("{s:I, s:s, s:s}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                              "domain", check->facts.name, "status", eg_rows_text(rows, 0, "domain_status"));
    json_t *records = list_states(check, looked_up), *found = list_found(check);

    if (looked_up) {
        json_object_set_new(shown, "required_records", json_string(egs_ctl_state_name(check->outcome)));
    }
    for (int i = 0; looked_up && ctl->json && i < check->count; i++) {
        json_object_set_new(json_array_get(records, (size_t)i), "found",
                            json_string(check->records[i].found));
    }
    json_object_set_new(shown, "records", records);
    if (looked_up && !ctl->json && json_array_size(found) > 0) {
        json_object_set(shown, "found_instead", found);
    }
    json_decref(found);
    egs_ctl_show(ctl, shown);
}

static void look_up(egs_ctl *ctl, eg_domaincheck *check)
{
    const eg_dns_resolver resolver = { .servers = ctl->options->resolver,
                                       .timeout = ctl->options->resolver_timeout };

    eg_domaincheck_run(check, 1, &resolver, ctl->pool);
}

static int dns(egs_ctl *ctl)
{
    int looked_up = egs_ctl_value(ctl, "check") != NULL;
    eg_domaincheck check = { .count = 0 };
    const char *name;
    eg_rows *rows;
    int failed = egs_ctl_act_for_domain(&rows, &name, ctl, "ctl_domain_dns", ctl->operand);

    if (failed) {
        return failed;
    }
    eg_domainrow_facts(&check.facts, rows, 0);
    if (looked_up) {
        if (eg_dns_start(ctl->pool) != APR_SUCCESS) {
            return egs_ctl_refuse(ctl, "c-ares does not start");
        }
        look_up(ctl, &check);
    }
    else {
        check.count = eg_domainrecords_make(check.records, &check.facts, ctl->pool);
        eg_domainrow_recall(check.records, check.count, rows, 0);
    }
    show_dns(ctl, &check, rows, looked_up);
    return 0;
}

/* ---- the commands ---------------------------------------------------------------------- */

static const egs_ctl_option add_options[] = {
    { "user", "NAME", "whose domain", 1 },
    { "enable", NULL, "may send at once, without a look at its DNS", 0 },
    { "subdomain", "LABEL", "for return path and tracking, default eg", 0 },
    { "tracking-url", "URL", "what tracked links begin with", 0 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option enable_options[] = {
    { "user", "NAME", "whose domain", 1 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option list_options[] = {
    { "user", "NAME", "of this user only", 0 },
    { NULL, NULL, NULL, 0 },
};

static const egs_ctl_option dns_options[] = {
    { "user", "NAME", "whose domain", 1 },
    { "check", NULL, "look them up now; changes nothing", 0 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_domain_add = {
    .name = "domain add",
    .operand = "NAME",
    .options = add_options,
    .help = "a new sender domain with its DKIM key; shows the DNS records to publish",
    .run = add,
};

const egs_ctl_command egs_ctl_domain_enable = {
    .name = "domain enable",
    .operand = "NAME",
    .options = enable_options,
    .help = "let a domain send without a look at its DNS",
    .run = enable,
};

const egs_ctl_command egs_ctl_domain_list = {
    .name = "domain list",
    .options = list_options,
    .help = "sender domains",
    .run = list,
};

const egs_ctl_command egs_ctl_domain_dns = {
    .name = "domain dns",
    .operand = "NAME",
    .options = dns_options,
    .help = "a domain's DNS records, and whether they are there",
    .run = dns,
};
