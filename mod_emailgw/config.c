#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include "hostname.h"
#include "mod_emailgw.h"
#include "netaddr.h"
#include "trackurl.h"

#define UNSET (-1)

egm_server_config *egm_config_of_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &emailgw_module);
}

const egm_dir_config *egm_config_of_request(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &emailgw_module);
}

void *egm_config_make_server(apr_pool_t *pool, server_rec *s)
{
    egm_server_config *config = apr_pcalloc(pool, sizeof *config);

    (void)s;
    config->engine = UNSET;
    return config;
}

void *egm_config_merge_server(apr_pool_t *pool, void *base, void *add)
{
    const egm_server_config *outer = base, *inner = add;
    egm_server_config *config = apr_pmemdup(pool, inner, sizeof *config);

    if (inner->engine == UNSET) {
        config->engine = outer->engine;
    }
    if (inner->secret_file == NULL) {
        config->secret_file = outer->secret_file;
    }
    if (inner->sender_key_file == NULL) {
        config->sender_key_file = outer->sender_key_file;
    }
    config->to_max = inner->to_max ? inner->to_max : outer->to_max;
    config->cc_max = inner->cc_max ? inner->cc_max : outer->cc_max;
    config->bcc_max = inner->bcc_max ? inner->bcc_max : outer->bcc_max;
    config->reply_to_max = inner->reply_to_max ? inner->reply_to_max : outer->reply_to_max;
    config->body_max = inner->body_max ? inner->body_max : outer->body_max;
    config->webhook_allow = inner->webhook_allow ? inner->webhook_allow : outer->webhook_allow;
    config->resolver = inner->resolver ? inner->resolver : outer->resolver;
    config->resolver_timeout = inner->resolver_timeout ? inner->resolver_timeout : outer->resolver_timeout;
    config->mail_host = inner->mail_host ? inner->mail_host : outer->mail_host;
    config->tracking_url = inner->tracking_url ? inner->tracking_url : outer->tracking_url;
    config->session_idle = inner->session_idle ? inner->session_idle : outer->session_idle;
    config->session_max = inner->session_max ? inner->session_max : outer->session_max;
    config->submission_host = inner->submission_host ? inner->submission_host : outer->submission_host;
    config->submission_ports = inner->submission_ports ? inner->submission_ports : outer->submission_ports;
    config->rate = inner->rate.window ? inner->rate : outer->rate;
    config->auth_failures = inner->auth_failures.window ? inner->auth_failures : outer->auth_failures;
    return config;
}

void *egm_config_make_dir(apr_pool_t *pool, char *dir)
{
    egm_dir_config *config = apr_palloc(pool, sizeof *config);

    (void)dir;
    config->on = UNSET;
    config->compat_status = UNSET;
    return config;
}

void *egm_config_merge_dir(apr_pool_t *pool, void *base, void *add)
{
    const egm_dir_config *outer = base, *inner = add;
    egm_dir_config *config = apr_palloc(pool, sizeof *config);

    config->on = inner->on != UNSET ? inner->on : outer->on;
    config->compat_status = inner->compat_status != UNSET ? inner->compat_status : outer->compat_status;
    return config;
}

/* ---- setters, one a kind -------------------------------------------------------------------- */

static const char *set_engine(cmd_parms *cmd, void *dir, int flag)
{
    (void)dir;
    egm_config_of_server(cmd->server)->engine = flag;
    return NULL;
}

static const char *set_file(cmd_parms *cmd, void *dir, const char *value)
{
    apr_size_t offset = (apr_size_t)cmd->info;
    const char *path = ap_server_root_relative(cmd->pool, value);

    (void)dir;
    if (path == NULL) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a path", cmd->cmd->name, value);
    }
    *(const char **)((char *)egm_config_of_server(cmd->server) + offset) = path;
    return NULL;
}

/** A whole number with its bounds. */
typedef struct {
    apr_size_t offset; /* of an int in egm_server_config */
    int min, max;
} int_slot;

static const char *set_int(cmd_parms *cmd, void *dir, const char *value)
{
    const int_slot *slot = cmd->info;
    char *end;
    apr_int64_t number = apr_strtoi64(value, &end, 10);

    (void)dir;
    if (*value == '\0' || *end != '\0' || number < slot->min || number > slot->max) {
        return apr_psprintf(cmd->pool, "%s takes a whole number from %d to %d, not '%s'", cmd->cmd->name, slot->min,
                            slot->max, value);
    }
    *(int *)((char *)egm_config_of_server(cmd->server) + slot->offset) = (int)number;
    return NULL;
}

/** A length of time with its bounds, which are written as a user would. */
typedef struct {
    apr_size_t offset; /* of an apr_interval_time_t in egm_server_config */
    const char *min, *max;
} duration_slot;

static const char *set_duration(cmd_parms *cmd, void *dir, const char *value)
{
    const duration_slot *slot = cmd->info;
    apr_interval_time_t time, min = 0, max = 0;

    (void)dir;
    ap_timeout_parameter_parse(slot->min, &min, "s");
    ap_timeout_parameter_parse(slot->max, &max, "s");
    if (ap_timeout_parameter_parse(value, &time, "s") != APR_SUCCESS || time < min || time > max) {
        return apr_psprintf(cmd->pool, "%s takes a time such as 90s, 30min or 2h, from %s to %s, not '%s'",
                            cmd->cmd->name, slot->min, slot->max, value);
    }
    *(apr_interval_time_t *)((char *)egm_config_of_server(cmd->server) + slot->offset) = time;
    return NULL;
}

#define BODY_MAX_MIN 65536

static const char *set_body_max(cmd_parms *cmd, void *dir, const char *value)
{
    char *end;
    apr_int64_t bytes = apr_strtoi64(value, &end, 10);

    (void)dir;
    if (*value == '\0' || *end != '\0' || bytes < BODY_MAX_MIN || bytes > EG_BODY_MAX_LIMIT) {
        return apr_psprintf(cmd->pool, "%s takes a number of bytes from %d to %d, not '%s'", cmd->cmd->name,
                            BODY_MAX_MIN, EG_BODY_MAX_LIMIT, value);
    }
    egm_config_of_server(cmd->server)->body_max = bytes;
    return NULL;
}

/** Where a list of eg_netaddr goes, and what one looks like. */
typedef struct {
    apr_size_t offset; /* of a pointer to it in egm_server_config */
    const char *example;
} addresses_slot;

static const char *set_addresses(cmd_parms *cmd, void *dir, const char *value)
{
    const addresses_slot *slot = cmd->info;
    apr_array_header_t *list;

    (void)dir;
    if (eg_netaddr_parse_list(&list, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes literal addresses with their ports, such as %s, not '%s'",
                            cmd->cmd->name, slot->example, value);
    }
    *(const apr_array_header_t **)((char *)egm_config_of_server(cmd->server) + slot->offset) = list;
    return NULL;
}

static const char *set_mail_host(cmd_parms *cmd, void *dir, const char *value)
{
    (void)dir;
    if (eg_hostname_parse(&egm_config_of_server(cmd->server)->mail_host, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes a full host name, such as mail.example.net, not '%s'",
                            cmd->cmd->name, value);
    }
    return NULL;
}

static const char *set_tracking_url(cmd_parms *cmd, void *dir, const char *value)
{
    (void)dir;
    if (eg_trackurl_parse(&egm_config_of_server(cmd->server)->tracking_url, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes " EG_TRACKURL_FORM ", not '%s'", cmd->cmd->name, value);
    }
    return NULL;
}

static const char *set_submission_host(cmd_parms *cmd, void *dir, const char *value)
{
    egm_server_config *config = egm_config_of_server(cmd->server);

    (void)dir;
    if (eg_hostname_parse(&config->submission_host, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes a host name such as smtp.example.com, not '%s'", cmd->cmd->name,
                            value);
    }
    return NULL;
}

#define PORTS_MAX 8

static int has_text(const apr_array_header_t *list, const char *text)
{
    for (int i = 0; i < list->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(list, i, const char *), text) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "587,465" -> its parts. NULL when it is anything else. */
static apr_array_header_t *parse_ports(const char *value, apr_pool_t *pool)
{
    apr_array_header_t *ports = apr_array_make(pool, 2, sizeof(const char *));
    const char *end;

    do {
        const char *port = apr_pstrndup(pool, value, strcspn(value, ","));
        apr_size_t length = strlen(port);

        end = value + length;
        if (length < 1 || length > 5 || strspn(port, "0123456789") != length || *port == '0' ||
            atoi(port) > 65535 || ports->nelts == PORTS_MAX || has_text(ports, port)) {
            return NULL;
        }
        APR_ARRAY_PUSH(ports, const char *) = port;
        value = end + 1;
    } while (*end != '\0');
    return ports;
}

static const char *set_submission_ports(cmd_parms *cmd, void *dir, const char *value)
{
    apr_array_header_t *ports = parse_ports(value, cmd->pool);

    (void)dir;
    if (ports == NULL) {
        return apr_psprintf(cmd->pool, "%s takes up to %d ports from 1 to 65535, each once, such as 587,465, not '%s'",
                            cmd->cmd->name, PORTS_MAX, value);
    }
    egm_config_of_server(cmd->server)->submission_ports = ports;
    return NULL;
}

#define RATE_WINDOW_MIN apr_time_from_sec(1)
#define RATE_WINDOW_MAX apr_time_from_sec(24 * 3600)

/* A number with a unit or none; ap_timeout_parameter_parse looks at the unit's first letters only. */
static int is_time(const char *value)
{
    static const char *const units[] = { "", "ms", "s", "min", "h" };
    apr_size_t digits = strspn(value, "0123456789");

    for (apr_size_t i = 0; digits > 0 && i < sizeof units / sizeof *units; i++) {
        if (strcmp(value + digits, units[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "100/60s" */
static int parse_rate(eg_rate *rate, const char *value)
{
    char *end;
    apr_int64_t limit = apr_strtoi64(value, &end, 10);
    apr_interval_time_t window;

    if (!apr_isdigit(*value) || *end != '/' || limit < 1 || limit > EG_RATE_LIMIT_MAX || !is_time(end + 1)
        || ap_timeout_parameter_parse(end + 1, &window, "s") != APR_SUCCESS || window < RATE_WINDOW_MIN
        || window > RATE_WINDOW_MAX) {
        return 0;
    }
    *rate = (eg_rate){ (int)limit, window };
    return 1;
}

/* @param cmd  its info is the offset of an eg_rate in egm_server_config */
static const char *set_rate(cmd_parms *cmd, void *dir, const char *value)
{
    eg_rate *rate = (eg_rate *)((char *)egm_config_of_server(cmd->server) + (apr_size_t)cmd->info);

    (void)dir;
    if (apr_cstr_casecmp(value, "off") == 0) {
        *rate = (eg_rate){ 0, RATE_WINDOW_MIN };
    }
    else if (!parse_rate(rate, value)) {
        return apr_psprintf(cmd->pool,
                            "%s takes off, or a number from 1 to %d, a slash and a time from 1s to 24h, such as 100/60s, "
                            "not '%s'",
                            cmd->cmd->name, EG_RATE_LIMIT_MAX, value);
    }
    return NULL;
}

/* ---- the table; conf/emailgw.conf says the same at length ------------------------------------ */

static const int_slot to_max = { APR_OFFSETOF(egm_server_config, to_max), 1, EG_RECIPIENTS_MAX_LIMIT };
static const int_slot cc_max = { APR_OFFSETOF(egm_server_config, cc_max), 1, EG_RECIPIENTS_MAX_LIMIT };
static const int_slot bcc_max = { APR_OFFSETOF(egm_server_config, bcc_max), 1, EG_RECIPIENTS_MAX_LIMIT };
static const int_slot reply_to_max = { APR_OFFSETOF(egm_server_config, reply_to_max), 1, EG_RECIPIENTS_MAX_LIMIT };
static const duration_slot session_idle = { APR_OFFSETOF(egm_server_config, session_idle), "1s", "168h" };
static const duration_slot session_max = { APR_OFFSETOF(egm_server_config, session_max), "1s", "720h" };

static const duration_slot resolver_timeout = { APR_OFFSETOF(egm_server_config, resolver_timeout), "100ms", "60s" };
static const addresses_slot webhook_allow = { APR_OFFSETOF(egm_server_config, webhook_allow),
                                              "127.0.0.1:8080,[::1]:8080" };
static const addresses_slot resolver = { APR_OFFSETOF(egm_server_config, resolver), "127.0.0.1:53,[::1]:53" };

#define ANYWHERE (RSRC_CONF | ACCESS_CONF | OR_FILEINFO)

const command_rec egm_directives[] = {
    AP_INIT_FLAG("EmailGatewayEngine", set_engine, NULL, RSRC_CONF,
                 "On or Off: may the gateway be switched on in this virtual host at all, default Off"),
    AP_INIT_FLAG("EmailGateway", ap_set_flag_slot, (void *)APR_OFFSETOF(egm_dir_config, on), ANYWHERE,
                 "On or Off: answer the gateway's paths here, where EmailGatewayEngine allows it, default Off"),
    AP_INIT_FLAG("EmailGatewayCompatStatus", ap_set_flag_slot, (void *)APR_OFFSETOF(egm_dir_config, compat_status),
                 ANYWHERE,
                 "On or Off: answer refusals of /api/v1 with status 200 for clients that break on others, default Off"),
    AP_INIT_TAKE1("EmailGatewaySecretFile", set_file, (void *)APR_OFFSETOF(egm_server_config, secret_file), RSRC_CONF,
                  "path of the secret file that emailgwctl init made; required with EmailGatewayEngine On"),
    AP_INIT_TAKE1("EmailGatewaySenderKeyFile", set_file, (void *)APR_OFFSETOF(egm_server_config, sender_key_file),
                  RSRC_CONF, "path of the sender key's public half (sender.key.pub), for new DKIM keys"),
    AP_INIT_TAKE1("EmailGatewayMaxTo", set_int, (void *)&to_max, RSRC_CONF,
                  "addresses in To of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxCC", set_int, (void *)&cc_max, RSRC_CONF,
                  "addresses in CC of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxBCC", set_int, (void *)&bcc_max, RSRC_CONF,
                  "addresses in BCC of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxReplyTo", set_int, (void *)&reply_to_max, RSRC_CONF,
                  "addresses in ReplyTo of one mail, 1 to 1000, default 10"),
    AP_INIT_TAKE1("EmailGatewayWebhookAllow", set_addresses, (void *)&webhook_allow, RSRC_CONF,
                  "addresses with ports that webhooks may have although they are not public, such as 127.0.0.1:8080,[::1]:8080"),
    AP_INIT_TAKE1("EmailGatewaySessionIdle", set_duration, (void *)&session_idle, RSRC_CONF,
                  "how long a session lives without a request, 1s to 168h, default 1h"),
    AP_INIT_TAKE1("EmailGatewaySessionMax", set_duration, (void *)&session_max, RSRC_CONF,
                  "how long a session lives at most, 1s to 720h, default 24h"),
    AP_INIT_TAKE1("EmailGatewayResolver", set_addresses, (void *)&resolver, RSRC_CONF,
                  "DNS servers with their ports, such as 127.0.0.1:53,[::1]:53, default those of /etc/resolv.conf"),
    AP_INIT_TAKE1("EmailGatewayResolverTimeout", set_duration, (void *)&resolver_timeout, RSRC_CONF,
                  "how long VerifyDomain waits for DNS, 100ms to 60s, default 5s"),
    AP_INIT_TAKE1("EmailGatewayMailHost", set_mail_host, NULL, RSRC_CONF,
                  "host that takes bounces and whose SPF record names the sending addresses, default the machine's name"),
    AP_INIT_TAKE1("EmailGatewayTrackingURL", set_tracking_url, NULL, RSRC_CONF,
                  "what tracked links of new domains begin with"),
    AP_INIT_TAKE1("EmailGatewaySubmissionHost", set_submission_host, NULL, RSRC_CONF,
                  "host name that EmailGateway.AddSMTP tells for handing in mail by SMTP, default ServerName"),
    AP_INIT_TAKE1("EmailGatewaySubmissionPorts", set_submission_ports, NULL, RSRC_CONF,
                  "ports, 1 to 65535, that EmailGateway.AddSMTP tells for it, the preferred one first, default 587,465"),
    AP_INIT_TAKE1("EmailGatewayMaxBody", set_body_max, NULL, RSRC_CONF,
                  "bytes of one request body, 65536 to 67108864, default 37748736 (36 MB)"),
    AP_INIT_TAKE1("EmailGatewayRate", set_rate, (void *)APR_OFFSETOF(egm_server_config, rate), RSRC_CONF,
                  "requests of one sender key in a time of 1s to 24h, 1 to 1000000, or off; default 100/60s"),
    AP_INIT_TAKE1("EmailGatewayAuthFailures", set_rate, (void *)APR_OFFSETOF(egm_server_config, auth_failures), RSRC_CONF,
                  "failed authentications of one address in a time of 1s to 24h, 1 to 1000000, or off; default 30/60s"),
    { NULL }
};

/* ---- start-up -------------------------------------------------------------------------------- */

#define SESSION_IDLE_DEFAULT apr_time_from_sec(3600)
#define SESSION_MAX_DEFAULT apr_time_from_sec(24 * 3600)
#define SUBMISSION_PORTS_DEFAULT "587,465"

static const eg_rate rate_default = { 100, apr_time_from_sec(60) };
static const eg_rate auth_failures_default = { 30, apr_time_from_sec(60) };

static int or_default(int value, int otherwise)
{
    return value != 0 ? value : otherwise;
}

static void fill_limits(egm_server_config *config, apr_pool_t *pool, const server_rec *s)
{
    config->limits = (eg_limits){
        .to_max = or_default(config->to_max, EG_TO_MAX_DEFAULT),
        .cc_max = or_default(config->cc_max, EG_CC_MAX_DEFAULT),
        .bcc_max = or_default(config->bcc_max, EG_BCC_MAX_DEFAULT),
        .reply_to_max = or_default(config->reply_to_max, EG_REPLY_TO_MAX_DEFAULT),
        .webhook_allow = config->webhook_allow,
        .session_idle = config->session_idle ? config->session_idle : SESSION_IDLE_DEFAULT,
        .session_max = config->session_max ? config->session_max : SESSION_MAX_DEFAULT,
        .submission_host = config->submission_host != NULL ? config->submission_host : s->server_hostname,
        .submission_ports = config->submission_ports != NULL ? config->submission_ports
                                                             : parse_ports(SUBMISSION_PORTS_DEFAULT, pool),
        .body_max = config->body_max != 0 ? config->body_max : EG_BODY_MAX_DEFAULT,
        .resolver = { .servers = config->resolver,
                      .timeout = config->resolver_timeout ? config->resolver_timeout : EG_DNS_TIMEOUT_DEFAULT },
        .rate = config->rate.window ? config->rate : rate_default,
        .auth_failures = config->auth_failures.window ? config->auth_failures : auth_failures_default,
    };
}

static void fill_domains(egm_server_config *config, apr_pool_t *pool, server_rec *s)
{
    eg_domain_settings_make(&config->limits.domains, config->mail_host, config->tracking_url, pool);
    if (*config->limits.domains.mail_host == '\0') {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     EGLOGNO(0130) "EmailGatewayMailHost is not set, and this machine's own name is no full one: "
                                   "bounces of new domains have nowhere to go");
    }
}

static int check_server(apr_pool_t *pool, server_rec *s)
{
    egm_server_config *config = egm_config_of_server(s);
    const char *problem;

    fill_limits(config, pool, s);
    if (config->engine != 1) {
        return OK;
    }
    fill_domains(config, pool, s);
    if (config->secret_file == NULL) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     EGLOGNO(0001) "EmailGatewayEngine is On without an EmailGatewaySecretFile: make one with "
                                   "emailgwctl init and name it");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (eg_secret_load(&config->secret, &problem, config->secret_file, pool) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, EGLOGNO(0002) "EmailGatewaySecretFile: %s", problem);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (config->sender_key_file != NULL
        && eg_senderkey_load_public(&config->sender_key, &problem, config->sender_key_file, pool) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, EGLOGNO(0004) "EmailGatewaySenderKeyFile: %s", problem);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

int egm_config_check(apr_pool_t *pool, server_rec *main_server)
{
    if (eg_dns_start(pool) != APR_SUCCESS) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        int status = check_server(pool, s);

        if (status != OK) {
            return status;
        }
        if (egm_config_of_server(s)->engine == 1 && ap_find_linked_module("mod_dbd.c") == NULL) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                         EGLOGNO(0003) "EmailGatewayEngine is On without mod_dbd: load it and set DBDriver pgsql and "
                                       "DBDParams");
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}
