#include "config.h"

#include <string.h>

#include <apr_strings.h>
#include <http_log.h>

#include "conftree.h"
#include "db.h"
#include "directives.h"
#include "mod_emailgw.h"
#include "origin.h"
#include "smtp_session.h"
#include "tracktoken.h"

/* ---- levels: main server, virtual host, directories from the outside in --------------------- */

egm_server_config *egm_config_of_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &emailgw_module);
}

static const egm_settings *settings_of_directory(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &emailgw_module);
}

static int is_set(const void *value, apr_size_t size)
{
    for (apr_size_t i = 0; i < size; i++) {
        if (((const char *)value)[i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* Both are set. */
static void apply_rule(void *value, const void *outer, const void *inner, egm_rule rule, apr_pool_t *pool)
{
    switch (rule) {
    case EGM_RULE_INNER:
        break;
    case EGM_RULE_LEAST:
        if (*(const apr_int64_t *)outer < *(const apr_int64_t *)inner) {
            *(apr_int64_t *)value = *(const apr_int64_t *)outer;
        }
        break;
    case EGM_RULE_OFF:
        if (*(const egm_flag *)outer == EGM_OFF) {
            *(egm_flag *)value = EGM_OFF;
        }
        break;
    case EGM_RULE_COMMON:
        *(const apr_array_header_t **)value = eg_origin_common(
            *(const apr_array_header_t *const *)outer, *(const apr_array_header_t *const *)inner, pool);
        break;
    }
}

/* @param all_inner  both levels are the admin's: the inner one counts, whatever the rule */
static void merge(egm_settings *settings, const egm_settings *outer, const egm_settings *inner, int all_inner,
                  apr_pool_t *pool)
{
    for (const command_rec *row = egm_directives; row->name != NULL; row++) {
        const egm_slot *slot = row->cmd_data;
        void *value = (char *)settings + slot->offset;
        const void *out = (const char *)outer + slot->offset, *in = (const char *)inner + slot->offset;

        memcpy(value, is_set(in, slot->size) ? in : out, slot->size);
        if (is_set(in, slot->size) && is_set(out, slot->size)) {
            apply_rule(value, out, in, all_inner ? EGM_RULE_INNER : slot->rule, pool);
        }
    }
}

void *egm_config_make_server(apr_pool_t *pool, server_rec *s)
{
    (void)s;
    return apr_pcalloc(pool, sizeof(egm_server_config));
}

void *egm_config_merge_server(apr_pool_t *pool, void *base, void *add)
{
    egm_server_config *outer = base, *inner = add, *config = apr_pcalloc(pool, sizeof *config);

    merge(&config->settings, &outer->settings, &inner->settings, 1, pool);
    return config;
}

void *egm_config_make_dir(apr_pool_t *pool, char *dir)
{
    (void)dir;
    return apr_pcalloc(pool, sizeof(egm_settings));
}

void *egm_config_merge_dir(apr_pool_t *pool, void *base, void *add)
{
    egm_settings *settings = apr_pcalloc(pool, sizeof *settings);

    merge(settings, base, add, 0, pool);
    return settings;
}

/* ---- of a request ----------------------------------------------------------------------------- */

/* EGM_RULE_INNER for one value: this is asked for each request to the server, also where all is off. */
static int is_flag_on(egm_flag server, egm_flag directory)
{
    return (directory != EGM_UNSET ? directory : server) == EGM_ON;
}

int egm_config_is_on(const request_rec *r)
{
    const egm_settings *server = &egm_config_of_server(r->server)->settings;

    return server->engine == EGM_ON && is_flag_on(server->on, settings_of_directory(r)->on);
}

int egm_config_compat_status(const request_rec *r)
{
    return is_flag_on(egm_config_of_server(r->server)->settings.compat_status,
                      settings_of_directory(r)->compat_status);
}

/* What a directory may set. */
static void set_narrowed(eg_limits *limits, const egm_settings *settings)
{
    limits->to_max = (int)settings->to_max;
    limits->cc_max = (int)settings->cc_max;
    limits->bcc_max = (int)settings->bcc_max;
    limits->reply_to_max = (int)settings->reply_to_max;
    limits->body_max = settings->body_max;
    limits->batch_max = (int)settings->batch_max;
    limits->batch_body_max = settings->batch_body_max;
    limits->tracking_off = settings->tracking == EGM_OFF;
    limits->origins = settings->origins;
}

const eg_limits *egm_config_limits(const request_rec *r)
{
    const egm_server_config *server = egm_config_of_server(r->server);
    eg_limits *limits = apr_pmemdup(r->pool, &server->limits, sizeof *limits);
    egm_settings settings;

    merge(&settings, &server->settings, settings_of_directory(r), 0, r->pool);
    set_narrowed(limits, &settings);
    return limits;
}

/* ---- start-up -------------------------------------------------------------------------------- */

static const eg_rate rate_default = { 100, apr_time_from_sec(60) };
static const eg_rate auth_failures_default = { 30, apr_time_from_sec(60) };

#define BODY_MEMORY_DEFAULT (128 * 1024 * 1024)
#define TRACKING_SPOOL_MAX_DEFAULT (256 * 1024 * 1024)
#define DATABASE_TIMEOUT_DEFAULT apr_time_from_sec(30)
#define SMTP_TIMEOUT_DEFAULT apr_time_from_sec(300) /* what RFC 5321 section 4.5.3.2.7 asks for */
#define SMTP_DATA_TIMEOUT_DEFAULT apr_time_from_sec(1800)
#define SESSION_IDLE_DEFAULT apr_time_from_sec(3600)
#define SESSION_MAX_DEFAULT apr_time_from_sec(24 * 3600)

static void fill_number(apr_int64_t *value, apr_int64_t otherwise)
{
    if (*value == 0) {
        *value = otherwise;
    }
}

static const apr_array_header_t *default_ports(apr_pool_t *pool)
{
    apr_array_header_t *ports = apr_array_make(pool, 2, sizeof(const char *));

    APR_ARRAY_PUSH(ports, const char *) = "587";
    APR_ARRAY_PUSH(ports, const char *) = "465";
    return ports;
}

static void fill_defaults(egm_settings *settings, apr_pool_t *pool, const server_rec *s)
{
    fill_number(&settings->to_max, EG_TO_MAX_DEFAULT);
    fill_number(&settings->cc_max, EG_CC_MAX_DEFAULT);
    fill_number(&settings->bcc_max, EG_BCC_MAX_DEFAULT);
    fill_number(&settings->reply_to_max, EG_REPLY_TO_MAX_DEFAULT);
    fill_number(&settings->body_max, EG_BODY_MAX_DEFAULT);
    fill_number(&settings->body_memory, BODY_MEMORY_DEFAULT);
    fill_number(&settings->batch_max, EG_BATCH_MAX_DEFAULT);
    fill_number(&settings->batch_body_max, EG_BATCH_BODY_MAX_DEFAULT);
    fill_number(&settings->session_idle, SESSION_IDLE_DEFAULT);
    fill_number(&settings->session_max, SESSION_MAX_DEFAULT);
    fill_number(&settings->resolver_timeout, EG_DNS_TIMEOUT_DEFAULT);
    fill_number(&settings->database_timeout, DATABASE_TIMEOUT_DEFAULT);
    fill_number(&settings->tracking_spool_max, TRACKING_SPOOL_MAX_DEFAULT);
    fill_number(&settings->smtp_message_max, EG_BODY_MAX_DEFAULT);
    fill_number(&settings->smtp_recipients_max, EG_SMTP_RECIPIENTS_DEFAULT);
    fill_number(&settings->smtp_timeout, SMTP_TIMEOUT_DEFAULT);
    fill_number(&settings->smtp_data_timeout, SMTP_DATA_TIMEOUT_DEFAULT);
    if (settings->rate.window == 0) {
        settings->rate = rate_default;
    }
    if (settings->auth_failures.window == 0) {
        settings->auth_failures = auth_failures_default;
    }
    if (settings->origins == NULL) {
        settings->origins = apr_array_make(pool, 1, sizeof(const char *));
    }
    if (settings->tracking_path == NULL) {
        settings->tracking_path = EG_TRACK_PREFIX;
    }
    if (settings->submission_host == NULL) {
        settings->submission_host = s->server_hostname;
    }
    if (settings->submission_ports == NULL) {
        settings->submission_ports = default_ports(pool);
    }
}

static void make_limits(eg_limits *limits, const egm_settings *settings)
{
    *limits = (eg_limits){
        .account_id = settings->account_id > 0 ? settings->account_id : 0,
        .body_memory = settings->body_memory,
        .values_max = EG_JSON_VALUES_MAX,
        .rate = settings->rate,
        .auth_failures = settings->auth_failures,
        .webhook_allow = settings->webhook_allow,
        .session_idle = settings->session_idle,
        .session_max = settings->session_max,
        .submission_host = settings->submission_host,
        .submission_ports = settings->submission_ports,
        .resolver = { .servers = settings->resolver, .timeout = settings->resolver_timeout },
    };
    set_narrowed(limits, settings);
}

static void fill_domains(egm_server_config *config, apr_pool_t *pool, server_rec *s)
{
    eg_domain_settings *domains = &config->limits.domains;

    eg_domain_settings_make(domains, config->settings.mail_host, config->settings.tracking_url, pool);
    if (*domains->mail_host == '\0') {
        ap_log_error(
            APLOG_MARK, APLOG_WARNING, 0, s,
            EGLOGNO(0130) "EmailGatewayMailHost is not set, and this machine's own name is no full one: "
                          "bounces of new domains have nowhere to go");
    }
}

/* As root, once: no child can open these files. */
static int read_keys(egm_server_config *config, apr_pool_t *pool, server_rec *s)
{
    const egm_settings *settings = &config->settings;
    const char *problem;

    if (settings->secret_file == NULL) {
        ap_log_error(
            APLOG_MARK, APLOG_EMERG, 0, s,
            EGLOGNO(0001) "EmailGatewayEngine is On without an EmailGatewaySecretFile: make one with "
                          "emailgwctl init and name it");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (eg_secret_load(&config->secret, &problem, settings->secret_file, pool) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, EGLOGNO(0002) "EmailGatewaySecretFile: %s", problem);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (settings->sender_key_file != NULL &&
        eg_senderkey_load_public(&config->sender_key, &problem, settings->sender_key_file, pool) !=
            APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, EGLOGNO(0004) "EmailGatewaySenderKeyFile: %s", problem);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int has_dbd(server_rec *s)
{
    if (ap_find_linked_module("mod_dbd.c") != NULL) {
        return 1;
    }
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                 EGLOGNO(0003) "EmailGatewayEngine is On without mod_dbd: load it and set DBDriver pgsql and "
                               "DBDParams");
    return 0;
}

/* The main server may be there for its virtual hosts alone, each with a database of its own. */
static int may_lack_database(const server_rec *s)
{
    return !s->is_virtual && s->next != NULL;
}

/* Another driver's connection must not be taken for a PGconn. */
static int has_driver(apr_pool_t *pool, server_rec *s)
{
    const char *driver = egm_conftree_argument(s, "DBDriver", pool);

    if (driver != NULL ? strcmp(driver, "pgsql") == 0 : may_lack_database(s)) {
        return 1;
    }
    ap_log_error(
        APLOG_MARK, APLOG_EMERG, 0, s,
        EGLOGNO(0250) "EmailGatewayEngine is On with %s%s at %s: DBDriver pgsql is needed, which may "
                      "stand in its <VirtualHost>",
        driver != NULL ? "DBDriver " : "no DBDriver", driver != NULL ? driver : "", s->server_hostname);
    return 0;
}

/* What libpq would say of one that it cannot read cites pieces of the password. */
static int has_params(apr_pool_t *pool, server_rec *s)
{
    const char *params = egm_conftree_argument(s, "DBDParams", pool);

    if (params != NULL ? eg_db_is_dsn(params) : may_lack_database(s)) {
        return 1;
    }
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                 EGLOGNO(0251) "EmailGatewayEngine is On with %s at %s: settings are needed such as "
                               "\"host=/run/postgresql dbname=emailgw user=emailgw_module\", of names that "
                               "libpq knows, and a value that has blanks in ''",
                 params != NULL ? "DBDParams that libpq cannot read" : "no DBDParams", s->server_hostname);
    return 0;
}

int egm_config_read_keys(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *scratch, server_rec *main_server)
{
    (void)log_pool;
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        egm_server_config *config = egm_config_of_server(s);

        if (config->settings.engine == EGM_ON && (read_keys(config, pool, s) != OK || !has_dbd(s) ||
                                                  !has_driver(scratch, s) || !has_params(scratch, s))) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

int egm_config_finish(apr_pool_t *pool, server_rec *main_server)
{
    if (eg_dns_start(pool) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        egm_server_config *config = egm_config_of_server(s);

        fill_defaults(&config->settings, pool, s);
        make_limits(&config->limits, &config->settings);
        if (config->settings.engine == EGM_ON) {
            fill_domains(config, pool, s);
        }
    }
    return OK;
}
