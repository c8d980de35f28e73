#include "directives.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "hostname.h"
#include "netaddr.h"
#include "origin.h"
#include "smtp_session.h"
#include "textlist.h"
#include "trackurl.h"

#define BODY_MAX_MIN 65536

/* ---- setters, one a kind -------------------------------------------------------------------- */

/*
 * Where the value goes: a directive that stands in no section is the server's, all
 * else of the directory. (Of a directory is also what stands in <Location>, <Files>,
 * <If> and .htaccess.)
 */
static void *member_of(const cmd_parms *cmd, void *dir)
{
    const egm_slot *slot = cmd->info;
    egm_settings *settings = cmd->path == NULL ? &egm_config_of_server(cmd->server)->settings : dir;

    return (char *)settings + slot->offset;
}

static const char *set_flag(cmd_parms *cmd, void *dir, int flag)
{
    *(egm_flag *)member_of(cmd, dir) = flag ? EGM_ON : EGM_OFF;
    return NULL;
}

static const char *set_file(cmd_parms *cmd, void *dir, const char *value)
{
    const char *path = ap_server_root_relative(cmd->pool, value);

    if (path == NULL) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a path", cmd->cmd->name, value);
    }
    *(const char **)member_of(cmd, dir) = path;
    return NULL;
}

static const char *set_number(cmd_parms *cmd, void *dir, const char *value)
{
    const egm_slot *slot = cmd->info;
    char *end;
    apr_int64_t number = apr_strtoi64(value, &end, 10);

    if (*value == '\0' || *end != '\0' || number < slot->min || number > slot->max) {
        return apr_psprintf(
            cmd->pool, "%s takes %s from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT ", not '%s'",
            cmd->cmd->name, slot->unit != NULL ? slot->unit : "a whole number", slot->min, slot->max, value);
    }
    *(apr_int64_t *)member_of(cmd, dir) = number;
    return NULL;
}

static const char *set_account(cmd_parms *cmd, void *dir, const char *value)
{
    if (apr_cstr_casecmp(value, "any") == 0) {
        *(apr_int64_t *)member_of(cmd, dir) = EGM_ANY_ACCOUNT;
        return NULL;
    }
    return set_number(cmd, dir, value);
}

static const char *set_duration(cmd_parms *cmd, void *dir, const char *value)
{
    const egm_slot *slot = cmd->info;
    apr_interval_time_t time, min = 0, max = 0;

    ap_timeout_parameter_parse(slot->shortest, &min, "s");
    ap_timeout_parameter_parse(slot->longest, &max, "s");
    if (ap_timeout_parameter_parse(value, &time, "s") != APR_SUCCESS || time < min || time > max) {
        return apr_psprintf(cmd->pool, "%s takes a time such as 90s, 30min or 2h, from %s to %s, not '%s'",
                            cmd->cmd->name, slot->shortest, slot->longest, value);
    }
    *(apr_interval_time_t *)member_of(cmd, dir) = time;
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

    if (!apr_isdigit(*value) || *end != '/' || limit < 1 || limit > EG_RATE_LIMIT_MAX || !is_time(end + 1) ||
        ap_timeout_parameter_parse(end + 1, &window, "s") != APR_SUCCESS || window < RATE_WINDOW_MIN ||
        window > RATE_WINDOW_MAX) {
        return 0;
    }
    *rate = (eg_rate){ (int)limit, window };
    return 1;
}

static const char *set_rate(cmd_parms *cmd, void *dir, const char *value)
{
    eg_rate *rate = member_of(cmd, dir);

    if (apr_cstr_casecmp(value, "off") == 0) {
        *rate = (eg_rate){ 0, RATE_WINDOW_MIN };
    }
    else if (!parse_rate(rate, value)) {
        return apr_psprintf(
            cmd->pool,
            "%s takes off, or a number from 1 to %d, a slash and a time from 1s to 24h, such as 100/60s, "
            "not '%s'",
            cmd->cmd->name, EG_RATE_LIMIT_MAX, value);
    }
    return NULL;
}

static const char *set_addresses(cmd_parms *cmd, void *dir, const char *value)
{
    const egm_slot *slot = cmd->info;
    apr_array_header_t *list;

    if (eg_netaddr_parse_list(&list, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes literal addresses with their ports, such as %s, not '%s'",
                            cmd->cmd->name, slot->example, value);
    }
    *(const apr_array_header_t **)member_of(cmd, dir) = list;
    return NULL;
}

static const char *set_origins(cmd_parms *cmd, void *dir, const char *value)
{
    apr_array_header_t *list;

    if (eg_origin_parse_list(&list, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool,
                            "%s takes none, * or origins with commas between them, such as "
                            "https://app.example.com,http://localhost:8080, not '%s'",
                            cmd->cmd->name, value);
    }
    *(const apr_array_header_t **)member_of(cmd, dir) = list;
    return NULL;
}

static const char *set_host(cmd_parms *cmd, void *dir, const char *value)
{
    const egm_slot *slot = cmd->info;
    const char *host;

    if (eg_hostname_parse(&host, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes a %s, not '%s'", cmd->cmd->name, slot->example, value);
    }
    *(const char **)member_of(cmd, dir) = host;
    return NULL;
}

static const char *set_tracking_url(cmd_parms *cmd, void *dir, const char *value)
{
    const char *url;

    if (eg_trackurl_parse(&url, value, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s takes " EG_TRACKURL_FORM ", not '%s'", cmd->cmd->name, value);
    }
    *(const char **)member_of(cmd, dir) = url;
    return NULL;
}

#define PATH_MAX_LENGTH 200

/* "/e": absolute, and what no URL needs to escape, so that it stands in links as it stands here. */
static int is_path(const char *value)
{
    apr_size_t length = strlen(value);

    for (const char *c = value; *c != '\0'; c++) {
        if (!apr_isalnum(*c) && strchr("/-._~", *c) == NULL) {
            return 0;
        }
    }
    return length > 1 && length <= PATH_MAX_LENGTH && *value == '/' && value[length - 1] != '/' &&
           strstr(value, "//") == NULL && strstr(value, "/.") == NULL;
}

static const char *set_tracking_path(cmd_parms *cmd, void *dir, const char *value)
{
    if (!is_path(value)) {
        return apr_psprintf(
            cmd->pool,
            "%s takes a path of letters, digits and -._~ that begins with a slash and does not "
            "end with one, such as /e, not '%s'",
            cmd->cmd->name, value);
    }
    *(const char **)member_of(cmd, dir) = value;
    return NULL;
}

/* One spool for all virtual hosts: whoever reads it must know them all. */
static const char *set_tracking_spool(cmd_parms *cmd, void *dir, const char *value)
{
    const char *problem = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);

    return problem != NULL ? problem : set_file(cmd, dir, value);
}

static const char *set_tracking_spool_max(cmd_parms *cmd, void *dir, const char *value)
{
    const char *problem = ap_check_cmd_context(cmd, NOT_IN_VIRTUALHOST);

    return problem != NULL ? problem : set_number(cmd, dir, value);
}

/* On in a virtual host only: what others inherit would close the door to HTTP. */
static const char *set_smtp(cmd_parms *cmd, void *dir, const char *value)
{
    egm_smtp *smtp = member_of(cmd, dir);

    if (apr_cstr_casecmp(value, "off") == 0) {
        *smtp = EGM_SMTP_OFF;
    }
    else if (!cmd->server->is_virtual) {
        return apr_psprintf(cmd->pool, "%s stands in a <VirtualHost> with a port", cmd->cmd->name);
    }
    else if (apr_cstr_casecmp(value, "submission") == 0) {
        *smtp = EGM_SMTP_SUBMISSION;
    }
    else if (apr_cstr_casecmp(value, "bounces") == 0) {
        *smtp = EGM_SMTP_BOUNCES;
    }
    else {
        return apr_psprintf(cmd->pool, "%s takes submission, bounces or Off, not '%s'", cmd->cmd->name,
                            value);
    }
    return NULL;
}

#define PORTS_MAX 8

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
            atoi(port) > 65535 || ports->nelts == PORTS_MAX || eg_textlist_has(ports, port)) {
            return NULL;
        }
        APR_ARRAY_PUSH(ports, const char *) = port;
        value = end + 1;
    } while (*end != '\0');
    return ports;
}

static const char *set_ports(cmd_parms *cmd, void *dir, const char *value)
{
    apr_array_header_t *ports = parse_ports(value, cmd->pool);

    if (ports == NULL) {
        return apr_psprintf(cmd->pool,
                            "%s takes up to %d ports from 1 to 65535, each once, such as 587,465, not '%s'",
                            cmd->cmd->name, PORTS_MAX, value);
    }
    *(const apr_array_header_t **)member_of(cmd, dir) = ports;
    return NULL;
}

/* ---- the values ------------------------------------------------------------------------------- */

#define SLOT(member, rule_of)                                                                                \
    .offset = APR_OFFSETOF(egm_settings, member), .size = sizeof(((egm_settings *)0)->member),               \
    .rule = EGM_RULE_##rule_of

/*
 * One for each directive: where its value is kept, how those of two levels make
 * one, what it may be. From the main server to a virtual host, which are both the
 * admin's, the inner one always counts.
 */
static const egm_slot engine = { SLOT(engine, INNER) };
static const egm_slot on = { SLOT(on, INNER) };
static const egm_slot compat_status = { SLOT(compat_status, INNER) };
static const egm_slot tracking = { SLOT(tracking, OFF) };
static const egm_slot origins = { SLOT(origins, COMMON) };
static const egm_slot account_id = { SLOT(account_id, INNER), .min = 1, .max = EG_ID_MAX,
                                     .unit = "any, or an account's number" };
static const egm_slot secret_file = { SLOT(secret_file, INNER) };
static const egm_slot sender_key_file = { SLOT(sender_key_file, INNER) };
static const egm_slot to_max = { SLOT(to_max, LEAST), .min = 1, .max = EG_RECIPIENTS_MAX_LIMIT };
static const egm_slot cc_max = { SLOT(cc_max, LEAST), .min = 1, .max = EG_RECIPIENTS_MAX_LIMIT };
static const egm_slot bcc_max = { SLOT(bcc_max, LEAST), .min = 1, .max = EG_RECIPIENTS_MAX_LIMIT };
static const egm_slot reply_to_max = { SLOT(reply_to_max, LEAST), .min = 1, .max = EG_RECIPIENTS_MAX_LIMIT };
static const egm_slot body_max = { SLOT(body_max, LEAST), .min = BODY_MAX_MIN, .max = EG_BODY_MAX_LIMIT,
                                   .unit = "a number of bytes" };
static const egm_slot body_memory = { SLOT(body_memory, INNER), .min = 1048576,
                                      .max = APR_INT64_C(17179869184), .unit = "a number of bytes" };
static const egm_slot batch_max = { SLOT(batch_max, LEAST), .min = 1, .max = EG_BATCH_MAX_LIMIT };
static const egm_slot batch_body_max = { SLOT(batch_body_max, LEAST), .min = BODY_MAX_MIN,
                                         .max = EG_BODY_MAX_LIMIT, .unit = "a number of bytes" };
static const egm_slot webhook_allow = { SLOT(webhook_allow, INNER), .example = "127.0.0.1:8080,[::1]:8080" };
static const egm_slot session_idle = { SLOT(session_idle, INNER), .shortest = "1s", .longest = "168h" };
static const egm_slot session_max = { SLOT(session_max, INNER), .shortest = "1s", .longest = "720h" };
static const egm_slot resolver = { SLOT(resolver, INNER), .example = "127.0.0.1:53,[::1]:53" };
static const egm_slot database_timeout = { SLOT(database_timeout, INNER), .shortest = "1s",
                                           .longest = "10min" };
static const egm_slot resolver_timeout = { SLOT(resolver_timeout, INNER), .shortest = "100ms",
                                           .longest = "60s" };
static const egm_slot mail_host = { SLOT(mail_host, INNER),
                                    .example = "full host name, such as mail.example.net" };
static const egm_slot tracking_url = { SLOT(tracking_url, INNER) };
static const egm_slot tracking_path = { SLOT(tracking_path, INNER) };
static const egm_slot tracking_spool = { SLOT(tracking_spool, INNER) };
static const egm_slot tracking_spool_max = { SLOT(tracking_spool_max, INNER), .min = 1048576,
                                             .max = APR_INT64_C(1099511627776), .unit = "a number of bytes" };
static const egm_slot submission_host = { SLOT(submission_host, INNER),
                                          .example = "host name such as smtp.example.com" };
static const egm_slot submission_ports = { SLOT(submission_ports, INNER) };
static const egm_slot smtp = { SLOT(smtp, INNER) };
static const egm_slot smtp_insecure_auth = { SLOT(smtp_insecure_auth, INNER) };
static const egm_slot smtp_message_max = { SLOT(smtp_message_max, INNER), .min = BODY_MAX_MIN,
                                           .max = EG_BODY_MAX_LIMIT, .unit = "a number of bytes" };
static const egm_slot smtp_recipients_max = { SLOT(smtp_recipients_max, INNER),
                                              .min = EG_SMTP_RECIPIENTS_DEFAULT,
                                              .max = EG_RECIPIENTS_MAX_LIMIT };
static const egm_slot smtp_timeout = { SLOT(smtp_timeout, INNER), .shortest = "1s", .longest = "1h" };
static const egm_slot smtp_data_timeout = { SLOT(smtp_data_timeout, INNER), .shortest = "1s",
                                            .longest = "24h" };
static const egm_slot rate = { SLOT(rate, INNER) };
static const egm_slot auth_failures = { SLOT(auth_failures, INNER) };

/* ---- the table; conf/emailgw.conf says the same at length ------------------------------------ */

#define ANYWHERE (RSRC_CONF | ACCESS_CONF | OR_FILEINFO)

const command_rec egm_directives[] = {
    AP_INIT_FLAG("EmailGatewayEngine", set_flag, (void *)&engine, RSRC_CONF,
                 "On or Off: may the gateway be switched on in this virtual host at all, default Off"),
    AP_INIT_FLAG(
        "EmailGateway", set_flag, (void *)&on, ANYWHERE,
        "On or Off: answer the gateway's paths here, where EmailGatewayEngine allows it, default Off"),
    AP_INIT_FLAG("EmailGatewayCompatStatus", set_flag, (void *)&compat_status, ANYWHERE,
                 "On or Off: answer refusals of /api/v1 with status 200 for clients that break on others, "
                 "default Off"),
    AP_INIT_TAKE1(
        "EmailGatewayAccount", set_account, (void *)&account_id, RSRC_CONF,
        "number of the only account that there is here, 1 to 9007199254740991, or any, default any"),
    AP_INIT_TAKE1("EmailGatewaySecretFile", set_file, (void *)&secret_file, RSRC_CONF,
                  "path of the secret file that emailgwctl init made; required with EmailGatewayEngine On"),
    AP_INIT_TAKE1("EmailGatewaySenderKeyFile", set_file, (void *)&sender_key_file, RSRC_CONF,
                  "path of the sender key's public half (sender.key.pub), for new DKIM keys"),
    AP_INIT_TAKE1("EmailGatewayMaxTo", set_number, (void *)&to_max, ANYWHERE,
                  "addresses in To of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxCC", set_number, (void *)&cc_max, ANYWHERE,
                  "addresses in CC of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxBCC", set_number, (void *)&bcc_max, ANYWHERE,
                  "addresses in BCC of one mail, 1 to 1000, default 50"),
    AP_INIT_TAKE1("EmailGatewayMaxReplyTo", set_number, (void *)&reply_to_max, ANYWHERE,
                  "addresses in ReplyTo of one mail, 1 to 1000, default 10"),
    AP_INIT_TAKE1("EmailGatewayMaxBody", set_number, (void *)&body_max, ANYWHERE,
                  "bytes of one request body, 65536 to 67108864, default 37748736 (36 MB)"),
    AP_INIT_TAKE1("EmailGatewayBodyMemory", set_number, (void *)&body_memory, RSRC_CONF,
                  "bytes of all large request bodies that a child has in hand, 1048576 to 17179869184, "
                  "default 134217728"),
    AP_INIT_TAKE1("EmailGatewayMaxBatch", set_number, (void *)&batch_max, ANYWHERE,
                  "mails of one batch, 1 to 1000, default 500"),
    AP_INIT_TAKE1("EmailGatewayMaxBatchBody", set_number, (void *)&batch_body_max, ANYWHERE,
                  "bytes of the request body of a batch, 65536 to 67108864, default 52428800 (50 MB)"),
    AP_INIT_TAKE1("EmailGatewayRate", set_rate, (void *)&rate, RSRC_CONF,
                  "requests of one sender key in a time of 1s to 24h, 1 to 1000000, or off; default 100/60s"),
    AP_INIT_TAKE1(
        "EmailGatewayAuthFailures", set_rate, (void *)&auth_failures, RSRC_CONF,
        "failed authentications of one address in a time of 1s to 24h, 1 to 1000000, or off; default 30/60s"),
    AP_INIT_FLAG(
        "EmailGatewayTracking", set_flag, (void *)&tracking, ANYWHERE,
        "On or Off: may mails that are posted here be tracked, default On; once Off it stays Off below"),
    AP_INIT_TAKE1(
        "EmailGatewayCORS", set_origins, (void *)&origins, ANYWHERE,
        "origins whose pages may read answers, such as https://app.example.com, or * or none, default none"),
    AP_INIT_TAKE1("EmailGatewayWebhookAllow", set_addresses, (void *)&webhook_allow, RSRC_CONF,
                  "addresses with ports that webhooks may have although they are not public, such as "
                  "127.0.0.1:8080,[::1]:8080"),
    AP_INIT_TAKE1("EmailGatewaySessionIdle", set_duration, (void *)&session_idle, RSRC_CONF,
                  "how long a session lives without a request, 1s to 168h, default 1h"),
    AP_INIT_TAKE1("EmailGatewaySessionMax", set_duration, (void *)&session_max, RSRC_CONF,
                  "how long a session lives at most, 1s to 720h, default 24h"),
    AP_INIT_TAKE1("EmailGatewayDatabaseTimeout", set_duration, (void *)&database_timeout, RSRC_CONF,
                  "how long an answer of the database is waited for, 1s to 10min, default 30s"),
    AP_INIT_TAKE1(
        "EmailGatewayResolver", set_addresses, (void *)&resolver, RSRC_CONF,
        "DNS servers with their ports, such as 127.0.0.1:53,[::1]:53, default those of /etc/resolv.conf"),
    AP_INIT_TAKE1("EmailGatewayResolverTimeout", set_duration, (void *)&resolver_timeout, RSRC_CONF,
                  "how long VerifyDomain waits for DNS, 100ms to 60s, default 5s"),
    AP_INIT_TAKE1("EmailGatewayMailHost", set_host, (void *)&mail_host, RSRC_CONF,
                  "host that takes bounces and whose SPF record names the sending addresses, default the "
                  "machine's name"),
    AP_INIT_TAKE1("EmailGatewayTrackingURL", set_tracking_url, (void *)&tracking_url, RSRC_CONF,
                  "what tracked links of new domains begin with"),
    AP_INIT_TAKE1("EmailGatewayTrackingPath", set_tracking_path, (void *)&tracking_path, RSRC_CONF,
                  "path under which links of tracked mails are answered, default /e"),
    AP_INIT_TAKE1("EmailGatewayTrackingSpool", set_tracking_spool, (void *)&tracking_spool, RSRC_CONF,
                  "directory where clicks, opens and unsubscribes wait while the database is away"),
    AP_INIT_TAKE1("EmailGatewayTrackingSpoolMax", set_tracking_spool_max, (void *)&tracking_spool_max,
                  RSRC_CONF,
                  "bytes that opens and clicks may fill of it, and unsubscribes twice as many, 1048576 to "
                  "1099511627776, default 268435456"),
    AP_INIT_TAKE1(
        "EmailGatewaySubmissionHost", set_host, (void *)&submission_host, RSRC_CONF,
        "host name that EmailGateway.AddSMTP tells for handing in mail by SMTP, default ServerName"),
    AP_INIT_TAKE1("EmailGatewaySubmissionPorts", set_ports, (void *)&submission_ports, RSRC_CONF,
                  "ports, 1 to 65535, that EmailGateway.AddSMTP tells for it, the preferred one first, "
                  "default 587,465"),
    AP_INIT_TAKE1("EmailGatewaySMTP", set_smtp, (void *)&smtp, RSRC_CONF,
                  "what this virtual host's ports take by SMTP: submission, bounces or Off, default Off"),
    AP_INIT_TAKE1("EmailGatewaySMTPMessageMax", set_number, (void *)&smtp_message_max, RSRC_CONF,
                  "bytes of one mail by SMTP, 65536 to 67108864, default 37748736 (36 MB)"),
    AP_INIT_TAKE1("EmailGatewaySMTPRecipientsMax", set_number, (void *)&smtp_recipients_max, RSRC_CONF,
                  "recipients of one mail by SMTP, 100 to 1000, default 100"),
    AP_INIT_FLAG("EmailGatewaySMTPInsecureAuth", set_flag, (void *)&smtp_insecure_auth, RSRC_CONF,
                 "On or Off: clients on this machine may log in without TLS, default Off"),
    AP_INIT_TAKE1("EmailGatewaySMTPTimeout", set_duration, (void *)&smtp_timeout, RSRC_CONF,
                  "how long an SMTP client may take for its next command, 1s to 1h, default 5min"),
    AP_INIT_TAKE1("EmailGatewaySMTPDataTimeout", set_duration, (void *)&smtp_data_timeout, RSRC_CONF,
                  "how long the text of one mail by SMTP may take, 1s to 24h, default 30min"),
    { NULL }
};
