/* emailgwctl domain add, enable, list: sender domains. */
#include <string.h>

#include <apr_strings.h>
#include <apr_uri.h>

#include "ctl.h"
#include "dkimkey.h"
#include "hostname.h"
#include "secret.h"

#define URL_MAX 255         /* bytes of a tracking URL */
#define TOKEN_SIZE 24       /* random bytes of the ownership record */
#define WEBHOOK_KEY_SIZE 32 /* bytes */

/* What is stored with a new domain, all of it made here. */
typedef struct {
    const char *name, *subdomain, *tracking_url, *ownership_token;
    eg_dkimkey dkim;
    eg_bytes dkim_sealed, webhook_key_sealed;
} new_domain;

/* The label below the domain that its return path and tracking use. */
static int check_subdomain(egs_ctl *ctl, new_domain *made)
{
    const char *whole, *given = egs_ctl_value(ctl, "subdomain");

    made->subdomain = given != NULL ? given : "eg";
    if (strchr(made->subdomain, '.') != NULL ||
        eg_hostname_parse(&whole, apr_pstrcat(ctl->pool, made->subdomain, ".", made->name, NULL),
                          ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(
            ctl, "--subdomain: \"%s\" given, one label of letters, digits and inner hyphens is needed",
            made->subdomain);
    }
    made->subdomain = apr_pstrmemdup(ctl->pool, whole, strcspn(whole, "."));
    return 0;
}

/* Stored without a slash at its end: paths are put behind it. */
static int check_tracking_url(egs_ctl *ctl, new_domain *made)
{
    const char *text = egs_ctl_value(ctl, "tracking-url");
    apr_size_t length;
    apr_uri_t uri;

    made->tracking_url = NULL;
    if (text == NULL) {
        return 0;
    }
    length = strlen(text);
    for (apr_size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}?#@'", text[i]) != NULL) {
            length = 0;
        }
    }
    if (length == 0 || length > URL_MAX || apr_uri_parse(ctl->pool, text, &uri) != APR_SUCCESS ||
        uri.scheme == NULL || (strcmp(uri.scheme, "http") != 0 && strcmp(uri.scheme, "https") != 0) ||
        uri.hostname == NULL || *uri.hostname == '\0') {
        return egs_ctl_refuse(
            ctl,
            "--tracking-url: \"%s\" given, http or https, a host and perhaps a port and a path "
            "are needed",
            text);
    }
    while (length > 0 && text[length - 1] == '/') {
        length--;
    }
    made->tracking_url = apr_pstrmemdup(ctl->pool, text, length);
    return 0;
}

/* Keys of the domain, sealed to those who may use them. */
static int make_keys(egs_ctl *ctl, new_domain *made, apr_int64_t account_id)
{
    const char *path_pub = apr_pstrcat(ctl->pool, ctl->options->sender_key_file, ".pub", NULL);
    unsigned char webhook_key[WEBHOOK_KEY_SIZE];
    const char *problem, *token;
    eg_secret *secret;
    eg_bytes sender;

    if (eg_secret_load(&secret, &problem, ctl->options->secret_file, ctl->pool) != APR_SUCCESS ||
        eg_senderkey_load_public(&sender, &problem, path_pub, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; emailgwctl init makes the key files", problem);
    }
    token = eg_random_text(TOKEN_SIZE, ctl->pool);
    if (token == NULL || eg_random(webhook_key, sizeof webhook_key) != APR_SUCCESS ||
        eg_seal(&made->webhook_key_sealed, secret, EG_SEAL_WEBHOOK_KEY, account_id, webhook_key,
                sizeof webhook_key, ctl->pool) != APR_SUCCESS ||
        eg_dkimkey_new(&made->dkim, apr_time_now(), ctl->pool) != APR_SUCCESS ||
        eg_seal_to_sender(&made->dkim_sealed, sender, account_id, made->dkim.private_der.data,
                          made->dkim.private_der.size, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "OpenSSL made no keys; is %s a key?", path_pub);
    }
    made->ownership_token = apr_pstrcat(ctl->pool, "emailgw-domain=", token, NULL);
    return 0;
}

static json_t *dns_record(const char *host, const char *type, const char *value, const char *purpose)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "host", host, "type", type, "purpose", purpose, "value", value);
}

/* What the domain's owner publishes. */
static json_t *dns_records(const new_domain *made, apr_pool_t *pool)
{
    json_t *records = json_array();

    json_array_append_new(records, dns_record(apr_pstrcat(pool, "_emailgw.", made->name, NULL), "TXT",
                                              made->ownership_token, "ownership"));
    json_array_append_new(records,
                          dns_record(apr_pstrcat(pool, made->dkim.selector, "._domainkey.", made->name, NULL),
                                     "TXT", made->dkim.record, "DKIM"));
    return records;
}

/* A limit that was reached comes with whose it is and how much. */
static int judge_new(egs_ctl *ctl, const eg_rows *rows)
{
    const char *detail = eg_rows_text(rows, 0, "detail");

    return detail == NULL ? egs_ctl_judge(ctl, rows)
                          : egs_ctl_refuse(ctl, "%s: %s: %s", ctl->operand,
                                           eg_rows_text(rows, 0, "status"), detail);
}

/* The name as given to --json readers is the stored one: A-labels. */
static int store_new(egs_ctl *ctl, const new_domain *made, apr_int64_t account_id)
{
    const char *enable = egs_ctl_value(ctl, "enable") != NULL ? "true" : "false";
    eg_rows *rows;
    int failed;

    failed = egs_ctl_call(
        &rows, ctl, EG_DB_ONCE, "ctl_domain_add",
        EG_DB_ARGS(eg_db_int(account_id), eg_db_text(made->name), eg_db_text(enable),
                   eg_db_text(made->subdomain), eg_db_text(made->tracking_url),
                   eg_db_text(made->ownership_token), eg_db_text(made->dkim.selector),
                   eg_db_text(made->dkim.record), eg_db_bytes(made->dkim_sealed.data, made->dkim_sealed.size),
                   eg_db_bytes(made->webhook_key_sealed.data, made->webhook_key_sealed.size)));
    if (!failed) {
        failed = judge_new(ctl, rows);
    }
    if (!failed) {
        egs_ctl_show(ctl, json_pack("{s:I, s:s, s:s, s:s, s:o}", "domain_id",
                                    (json_int_t)eg_rows_int(rows, 0, "domain_id"), "domain", made->name,
                                    "status", eg_rows_text(rows, 0, "domain_status"), "subdomain",
                                    made->subdomain, "records", dns_records(made, ctl->pool)));
    }
    return failed;
}

static int add(egs_ctl *ctl)
{
    apr_int64_t account_id;
    new_domain made;
    int failed;

    failed = egs_ctl_domain(&made.name, ctl, ctl->operand);
    if (failed) {
        return failed;
    }
    if (eg_hostname_is_public_suffix(made.name)) {
        return egs_ctl_refuse(ctl, "%s is a public suffix: a domain below it is needed", made.name);
    }
    failed = check_subdomain(ctl, &made);
    if (failed) {
        return failed;
    }
    failed = check_tracking_url(ctl, &made);
    if (failed) {
        return failed;
    }
    failed = egs_ctl_account(&account_id, ctl);
    if (failed) {
        return failed;
    }
    failed = make_keys(ctl, &made, account_id);
    if (failed) {
        return failed;
    }
    return store_new(ctl, &made, account_id);
}

static int enable(egs_ctl *ctl)
{
    apr_int64_t account_id;
    const char *name;
    eg_rows *rows;
    int failed = egs_ctl_domain(&name, ctl, ctl->operand);

    if (!failed) {
        failed = egs_ctl_account(&account_id, ctl);
    }
    if (!failed) {
        failed =
            egs_ctl_act(&rows, ctl, "ctl_domain_enable", EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name)));
    }
    if (!failed) {
        egs_ctl_show(ctl,
                     json_pack("{s:I, s:s, s:s}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                               "domain", name, "status", eg_rows_text(rows, 0, "domain_status")));
    }
    return failed;
}

/* The long records are for programs; domain add showed them to people. */
static const egs_ctl_column columns_text[] = {
    { "username", EGS_COLUMN_TEXT },
    { "domain_id", EGS_COLUMN_NUMBER },
    { "name", EGS_COLUMN_TEXT },
    { "domain_status", EGS_COLUMN_TEXT },
    { "subdomain", EGS_COLUMN_TEXT },
    { "tracking_base_url", EGS_COLUMN_TEXT },
    { "dkim_selector", EGS_COLUMN_TEXT },
    { "created_at", EGS_COLUMN_TIME },
    { NULL, EGS_COLUMN_TEXT },
};

static const egs_ctl_column columns_json[] = {
    { "account_id", EGS_COLUMN_NUMBER },      { "username", EGS_COLUMN_TEXT },
    { "domain_id", EGS_COLUMN_NUMBER },       { "name", EGS_COLUMN_TEXT },
    { "domain_status", EGS_COLUMN_TEXT },     { "created_at", EGS_COLUMN_TIME },
    { "dkim_selector", EGS_COLUMN_TEXT },     { "dkim_record", EGS_COLUMN_TEXT },
    { "ownership_token", EGS_COLUMN_TEXT },   { "subdomain", EGS_COLUMN_TEXT },
    { "tracking_base_url", EGS_COLUMN_TEXT }, { NULL, EGS_COLUMN_TEXT },
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
