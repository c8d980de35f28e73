#include "options.h"

#include <stddef.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "db.h"
#include "hostname.h"
#include "netaddr.h"
#include "trackurl.h"
#include "utf8.h"

#define FILE_MAX (256 * 1024) /* bytes: far more than every option said a hundred times */

typedef enum {
    TEXT,      /* anything that is not empty */
    OPTIONAL,  /* the same; empty is NULL */
    DSN,       /* libpq's connection string; empty is NULL */
    TRANSPORT, /* outbox | relay:HOST:PORT | mx */
    COUNT,     /* min to max */
    DAYS,      /* min to max, "7" or "7d" */
    DURATION,  /* min to max in microseconds, with a unit */
    DURATIONS, /* several of these with commas between */
    ADDRESSES, /* literal addresses with ports, commas between; empty is NULL */
    HOST,      /* a full host name; empty is NULL */
    URL,       /* that tracked links can begin with; empty is NULL */
    TLS,       /* none | opportunistic | always | required */
    SWITCH,    /* no | yes */
    LEVEL
} option_kind;

typedef struct {
    const char *key;
    option_kind kind;
    apr_size_t offset; /* into egs_options */
    apr_int64_t min, max;
    const char *fallback; /* as one would write it */
    const char *allowed, *help;
} option;

#define AT(member) offsetof(egs_options, member)
#define MILLISECONDS(n) (APR_INT64_C(n) * 1000)
#define SECONDS(n) (APR_INT64_C(n) * APR_USEC_PER_SEC)
#define STRING "a text that is not empty"
#define CONNECTION                                                                                           \
    "settings such as host=/run/postgresql dbname=emailgw, of names that libpq knows and with a value that " \
    "has blanks in '', or a URI, postgresql://..., with %XX for what has a meaning there"
#define PATH "the path of a file"
#define TIMEOUT "10ms to 1h, with a unit (ms, s, min, h, d)"

static const option options_known[] = {
    { "database", DSN, AT(database), 0, 0, "dbname=emailgw user=emailgw_sender", CONNECTION,
      "libpq connection string of the sender" },
    { "admin_database", DSN, AT(admin_database), 0, 0, "", CONNECTION,
      "libpq connection string of the owner, for emailgwctl" },
    { "secret_file", TEXT, AT(secret_file), 0, 0, "/etc/emailgw/secret", PATH,
      "keys that module and sender share" },
    { "sender_key_file", TEXT, AT(sender_key_file), 0, 0, "/etc/emailgw/sender.key", PATH,
      "key that opens the domains' DKIM keys" },
    { "transport", TRANSPORT, AT(transport), 0, 0, "outbox", "outbox, relay:HOST:PORT or mx",
      "where mails go" },
    { "outbox", TEXT, AT(outbox), 0, 0, "/var/spool/emailgw/outbox", "the path of a directory",
      "where the transport outbox writes" },
    { "hostname", OPTIONAL, AT(hostname), 0, 0, "", "a host name", "how the sender calls itself in EHLO" },
    { "relay_tls", TLS, AT(relay_tls), 0, 0, "opportunistic", "none, opportunistic, always or required",
      "TLS to the relay" },
    { "relay_ca_file", OPTIONAL, AT(relay_ca_file), 0, 0, "", PATH, "certificates that vouch for the relay" },
    { "relay_user", OPTIONAL, AT(relay_user), 0, 0, "", STRING, "user name at the relay" },
    { "relay_password_file", OPTIONAL, AT(relay_password_file), 0, 0, "", PATH, "password at the relay" },
    { "relay_connections", COUNT, AT(relay_connections), 1, 256, "32", "1 to 256",
      "connections of a thread to the relay" },
    { "mx_port", COUNT, AT(mx_port), 1, 65535, "25", "1 to 65535", "port of mail hosts" },
    { "mx_private", SWITCH, AT(mx_private), 0, 0, "no", "no or yes",
      "mails go to mail hosts with addresses that are not public, too" },
    { "mx_connections", COUNT, AT(mx_connections), 1, 256, "10", "1 to 256",
      "connections to one destination" },
    { "mx_mails", COUNT, AT(mx_mails), 1, 100000, "100", "1 to 100000", "mails over one connection" },
    { "mx_new_connections", COUNT, AT(mx_new_connections), 0, 100000, "100", "0 to 100000; 0 for any number",
      "connections opened to one destination in a minute" },
    { "mx_rate", COUNT, AT(mx_rate), 0, 100000, "100", "0 to 100000; 0 for any number",
      "mails a second to one destination" },
    { "mx_tls", TLS, AT(mx_tls), 0, 0, "opportunistic", "none, opportunistic, always or required",
      "TLS to mail hosts" },
    { "mx_ca_file", OPTIONAL, AT(mx_ca_file), 0, 0, "", PATH, "certificates that vouch for mail hosts" },
    { "mx_destinations", OPTIONAL, AT(mx_destinations), 0, 0, "",
      "entries SUFFIX:CONNECTIONS:MAILS:RATE:TLS with commas between", "limits for certain mail hosts" },
    { "connect_timeout", DURATION, AT(connect_timeout), MILLISECONDS(10), SECONDS(3600), "30s", TIMEOUT,
      "longest wait for a connection" },
    { "command_timeout", DURATION, AT(command_timeout), MILLISECONDS(10), SECONDS(3600), "5min", TIMEOUT,
      "longest wait for a reply" },
    { "final_timeout", DURATION, AT(final_timeout), MILLISECONDS(10), SECONDS(3600), "10min", TIMEOUT,
      "longest wait for the reply to a whole message" },
    { "retry", DURATIONS, AT(retry), MILLISECONDS(10), SECONDS(7 * 86400),
      "1min, 5min, 15min, 30min, 1h, 2h, 4h, 8h",
      "1 to 32 times of 10ms to 7d, with units (ms, s, min, h, d) and commas between",
      "waits between attempts" },
    { "lifetime", DURATION, AT(lifetime), MILLISECONDS(10), SECONDS(30 * 86400), "48h",
      "10ms to 30d, with a unit (ms, s, min, h, d)", "how long a mail is tried" },
    { "connections", COUNT, AT(connections), 1, 256, "128", "1 to 256", "transfers of a thread at a time" },
    { "stop_timeout", DURATION, AT(stop_timeout), 0, SECONDS(3600), "60s",
      "0s to 1h, with a unit (ms, s, min, h, d)", "patience with what is in flight at the end" },
    { "threads", COUNT, AT(threads), 1, 64, "2", "1 to 64", "threads that take and deliver mails" },
    { "dkim", SWITCH, AT(dkim), 0, 0, "yes", "no or yes", "mails are signed with their domains' keys" },
    { "signing_threads", COUNT, AT(signing_threads), 1, 64, "2", "1 to 64",
      "threads that render and sign mails" },
    { "claim_batch", COUNT, AT(claim_batch), 1, 1000, "200", "1 to 1000", "mails taken at once by a thread" },
    { "list_ahead", COUNT, AT(list_ahead), 1, 1000000, "2000", "1 to 1000000",
      "mails to lists that a domain has ready at a time" },
    { "lease", DURATION, AT(lease), SECONDS(5), SECONDS(3600), "15min",
      "5s to 1h, with a unit (ms, s, min, h, d)", "time after which another sender may take over a mail" },
    { "poll", DURATION, AT(poll), MILLISECONDS(10), SECONDS(10), "100ms",
      "10ms to 10s, with a unit (ms, s, min, h, d)", "sleep of a thread that found nothing due" },
    { "log_file", TEXT, AT(log_file), 0, 0, "-", "the path of a file, or - for standard error",
      "where log lines go" },
    { "log_level", LEVEL, AT(log_level), 0, 0, "info", "err, warn, info or debug", "what is logged" },
    { "pid_file", OPTIONAL, AT(pid_file), 0, 0, "", PATH, "written when the sender is ready" },
    { "message_retention", DAYS, AT(message_retention), 1, 3650, "7d", "1d to 3650d",
      "how long mails are kept" },
    { "event_retention", DAYS, AT(event_retention), 1, 3650, "90d", "1d to 3650d",
      "how long events are kept" },
    { "webhook_connections", COUNT, AT(webhook_connections), 1, 1000, "64", "1 to 1000",
      "webhook posts at once" },
    { "webhook_timeout", DURATION, AT(webhook_timeout), MILLISECONDS(100), SECONDS(300), "15s",
      "100ms to 5min, with a unit (ms, s, min, h, d)", "longest time of a webhook post" },
    { "webhook_lease", DURATION, AT(webhook_lease), SECONDS(5), SECONDS(3600), "2min",
      "5s to 1h, with a unit (ms, s, min, h, d)",
      "time after which another sender may take over a webhook post" },
    { "webhook_retry", DURATIONS, AT(webhook_retry), MILLISECONDS(10), SECONDS(30 * 86400),
      "5s,5min,30min,2h,5h,10h,14h,20h,24h", "up to 32 waits of 10ms to 30d, such as 5s,5min,2h",
      "waits between the tries of a webhook post" },
    { "webhook_disable_after", DURATION, AT(webhook_disable_after), SECONDS(1), SECONDS(30 * 86400), "5d",
      "1s to 30d, with a unit (ms, s, min, h, d)", "failing for so long disables a webhook" },
    { "webhook_ca_file", OPTIONAL, AT(webhook_ca_file), 0, 0, "", PATH,
      "certificates that vouch for receivers of webhooks, beside the system's" },
    { "webhook_allow", ADDRESSES, AT(webhook_allow), 0, 0, "",
      "literal addresses with ports, such as 127.0.0.1:8080,[::1]:8080",
      "addresses that webhooks may have although they are not public" },
    { "resolver", ADDRESSES, AT(resolver), 0, 0, "",
      "literal addresses with ports, such as 127.0.0.1:53,[::1]:53", "DNS servers to ask" },
    { "resolver_timeout", DURATION, AT(resolver_timeout), MILLISECONDS(100), SECONDS(60), "5s",
      "100ms to 60s, with a unit (ms, s, min, h, d)", "longest wait for DNS" },
    { "mail_host", HOST, AT(mail_host), 0, 0, "", "a full host name, such as mail.example.net",
      "host that takes the bounces of new domains" },
    { "tracking_url", URL, AT(tracking_url), 0, 0, "", EG_TRACKURL_FORM,
      "what tracked links of new domains begin with" },
    { "domain_check_interval", DURATION, AT(domain_check_interval), MILLISECONDS(100), SECONDS(30 * 86400),
      "6h", "100ms to 30d, with a unit (ms, s, min, h, d)",
      "time between the checks of a domain's DNS records" },
    { "domain_warn_after", DURATION, AT(domain_warn_after), 0, SECONDS(365 * 86400), "24h",
      "0s to 365d, with a unit (ms, s, min, h, d)", "failing for so long makes a domain Warning" },
    { "domain_suspend_after", DURATION, AT(domain_suspend_after), 0, SECONDS(365 * 86400), "72h",
      "0s to 365d, with a unit (ms, s, min, h, d)", "failing for so long suspends a domain" },
    { "sts_interval", DURATION, AT(sts_interval), MILLISECONDS(100), SECONDS(86400), "5min",
      "100ms to 1d, with a unit (ms, s, min, h, d)", "time between looks at a domain's MTA-STS" },
    { "sts_timeout", DURATION, AT(sts_timeout), MILLISECONDS(100), SECONDS(60), "10s",
      "100ms to 60s, with a unit (ms, s, min, h, d)", "longest time of fetching an MTA-STS policy" },
    { "sts_ca_file", OPTIONAL, AT(sts_ca_file), 0, 0, "", PATH,
      "certificates that vouch for MTA-STS policy hosts, beside the system's" },
    { "sts_port", COUNT, AT(sts_port), 1, 65535, "443", "1 to 65535", "port of MTA-STS policy hosts" },
    { "sts_allow", ADDRESSES, AT(sts_allow), 0, 0, "",
      "literal addresses with ports, such as 127.0.0.1:8443,[::1]:8443",
      "addresses that MTA-STS policy hosts may have although they are not public" },
    { "include", TEXT, AT(include), 0, 0, NULL, PATH, "another file, read after this one" },
};

static const char *const tls_names[] = { "none", "opportunistic", "always", "required" };
static const char *const switch_names[] = { "no", "yes" };
static const char *const level_names[] = { "err", "warn", "info", "debug" };

/* Digits from *text on; *text is left behind them. Refused: none, or over 15 digits. */
static apr_status_t scan_number(apr_int64_t *number, const char **text)
{
    const char *digit = *text;
    apr_int64_t sum = 0;

    while (apr_isdigit(*digit) && digit - *text < 16) {
        sum = sum * 10 + (*digit++ - '0');
    }
    if (digit == *text || digit - *text > 15) {
        return APR_EINVAL;
    }
    *text = digit;
    *number = sum;
    return APR_SUCCESS;
}

/* A number and its unit from *text on, up to a blank, a comma or the end. */
static apr_status_t scan_duration(apr_int64_t *microseconds, const char **text)
{
    static const struct {
        const char *name;
        apr_int64_t microseconds;
    } units[] = {
        { "ms", MILLISECONDS(1) }, { "s", SECONDS(1) },     { "min", SECONDS(60) },
        { "h", SECONDS(3600) },    { "d", SECONDS(86400) },
    };
    apr_int64_t number;
    apr_size_t length;

    if (scan_number(&number, text) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *text += strspn(*text, " ");
    length = strcspn(*text, " ,");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == length && strncmp(*text, units[i].name, length) == 0 &&
            number <= APR_INT64_MAX / units[i].microseconds) {
            *text += length;
            *microseconds = number * units[i].microseconds;
            return APR_SUCCESS;
        }
    }
    return APR_EINVAL;
}

static apr_status_t set_durations(egs_options *options, const option *row, const char *text)
{
    egs_durations list = { .count = 0 };

    do {
        apr_int64_t *next = &list.each[list.count];

        text += strspn(text, " ");
        if (list.count++ == EGS_DURATIONS_MAX || scan_duration(next, &text) != APR_SUCCESS ||
            *next < row->min || *next > row->max) {
            return APR_EINVAL;
        }
        text += strspn(text, " ");
    } while (*text++ == ',');
    if (text[-1] != '\0') {
        return APR_EINVAL;
    }
    *(egs_durations *)(void *)((char *)options + row->offset) = list;
    return APR_SUCCESS;
}

/* relay:HOST:PORT is judged by its form here; the host is looked up when mails go there. */
static int is_transport(const char *text)
{
    const char *port = strrchr(text, ':');
    const char *host = text + strlen("relay:");
    apr_int64_t number;

    if (strcmp(text, "outbox") == 0 || strcmp(text, "mx") == 0) {
        return 1;
    }
    if (strncmp(text, "relay:", strlen("relay:")) != 0 || port <= host ||
        strcspn(host, " \t\"'/@") != strlen(host)) {
        return 0;
    }
    port++;
    return scan_number(&number, &port) == APR_SUCCESS && *port == '\0' && number >= 1 && number <= 65535;
}

/* The place of a word in a list. */
static apr_status_t parse_word(int *place, const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *place = (int)i;
            return APR_SUCCESS;
        }
    }
    return APR_EINVAL;
}

apr_status_t egs_tls_parse(egs_tls *tls, const char *word)
{
    int place;
    apr_status_t rv = parse_word(&place, word, tls_names, sizeof tls_names / sizeof *tls_names);

    if (rv == APR_SUCCESS) {
        *tls = (egs_tls)place;
    }
    return rv;
}

/* An enum's or an int, to where the row points: as many as the word stands behind the first. */
static apr_status_t set_word(egs_options *options, const option *row, const char *text)
{
    static const struct {
        const char *const *names;
        size_t count;
    } words[] = {
        [TLS] = { tls_names, sizeof tls_names / sizeof *tls_names },
        [SWITCH] = { switch_names, sizeof switch_names / sizeof *switch_names },
        [LEVEL] = { level_names, sizeof level_names / sizeof *level_names },
    };

    return parse_word((int *)(void *)((char *)options + row->offset), text, words[row->kind].names,
                      words[row->kind].count);
}

/* A number within the bounds of its row, to where the row points. */
static apr_status_t set_number(egs_options *options, const option *row, const char *text)
{
    char *member = (char *)options + row->offset;
    apr_int64_t number;

    if (row->kind == DURATION) {
        if (scan_duration(&number, &text) != APR_SUCCESS || *text != '\0' || number < row->min ||
            number > row->max) {
            return APR_EINVAL;
        }
        *(apr_interval_time_t *)(void *)member = number;
        return APR_SUCCESS;
    }
    if (scan_number(&number, &text) != APR_SUCCESS || number < row->min || number > row->max) {
        return APR_EINVAL;
    }
    if (*text != '\0' && !(row->kind == DAYS && strcmp(text, "d") == 0)) {
        return APR_EINVAL;
    }
    *(int *)(void *)member = (int)number;
    return APR_SUCCESS;
}

static apr_status_t set_addresses(const apr_array_header_t **member, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *list = NULL;
    apr_status_t rv = *text != '\0' ? eg_netaddr_parse_list(&list, text, pool) : APR_SUCCESS;

    if (rv == APR_SUCCESS) {
        *member = list;
    }
    return rv;
}

/* What a parser makes of a text, by the kind. */
static apr_status_t set_parsed(const char **member, option_kind kind, const char *text, apr_pool_t *pool)
{
    if (*text == '\0') {
        *member = NULL;
        return APR_SUCCESS;
    }
    return kind == HOST ? eg_hostname_parse(member, text, pool) : eg_trackurl_parse(member, text, pool);
}

/* One that may be left out is empty by default. */
static apr_status_t set_dsn(const char **member, const option *row, const char *text)
{
    if (*text == '\0' ? *row->fallback != '\0' : !eg_db_is_dsn(text)) {
        return APR_EINVAL;
    }
    *member = *text != '\0' ? text : NULL;
    return APR_SUCCESS;
}

/* What may have a password in it is not shown again. */
static const char *complaint(const option *row, const char *value, apr_pool_t *pool)
{
    const char *given =
        row->kind == DSN ? ""
                         : apr_psprintf(pool, "\"%s\" given, ", eg_utf8_excerpt(value, strlen(value), pool));

    return apr_psprintf(pool, "%s (%s): %sallowed is %s", row->key, row->help, given, row->allowed);
}

/* @param pool  unused for the defaults, which have nothing to parse */
static apr_status_t set(egs_options *options, const option *row, const char *text, apr_pool_t *pool)
{
    const char **member = (const char **)(void *)((char *)options + row->offset);

    switch (row->kind) {
    case TRANSPORT:
        if (!is_transport(text)) {
            return APR_EINVAL;
        }
        *member = text;
        return APR_SUCCESS;
    case TEXT:
        if (*text == '\0') {
            return APR_EINVAL;
        }
        *member = text;
        return APR_SUCCESS;
    case DSN:
        return set_dsn(member, row, text);
    case OPTIONAL:
        *member = *text != '\0' ? text : NULL;
        return APR_SUCCESS;
    case ADDRESSES:
        return set_addresses((const apr_array_header_t **)(void *)member, text, pool);
    case HOST:
    case URL:
        return set_parsed(member, row->kind, text, pool);
    case LEVEL:
    case TLS:
    case SWITCH:
        return set_word(options, row, text);
    case DURATIONS:
        return set_durations(options, row, text);
    default:
        return set_number(options, row, text);
    }
}

void egs_options_defaults(egs_options *options)
{
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < sizeof options_known / sizeof *options_known; i++) {
        if (options_known[i].fallback != NULL) {
            set(options, &options_known[i], options_known[i].fallback, NULL);
        }
    }
}

static const option *find_option(const char *key)
{
    for (size_t i = 0; i < sizeof options_known / sizeof *options_known; i++) {
        if (strcmp(key, options_known[i].key) == 0) {
            return &options_known[i];
        }
    }
    return NULL;
}

static const char *all_keys(apr_pool_t *pool)
{
    const char *list = options_known[0].key;

    for (size_t i = 1; i < sizeof options_known / sizeof *options_known; i++) {
        list = apr_pstrcat(pool, list, ", ", options_known[i].key, NULL);
    }
    return list;
}

/* "value" with \" and \\, and behind it nothing but a comment. */
static apr_status_t unquote(const char **value, const char *text, apr_pool_t *pool)
{
    char *copy = apr_palloc(pool, strlen(text) + 1), *to = copy;
    const char *from = text + 1;

    while (*from != '"') {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\')) {
            from++;
        }
        if (*from == '\0') {
            return APR_EINVAL;
        }
        *to++ = *from++;
    }
    *to = '\0';
    from++;
    while (apr_isspace(*from)) {
        from++;
    }
    if (*from != '\0' && *from != '#') {
        return APR_EINVAL;
    }
    *value = copy;
    return APR_SUCCESS;
}

/* Without blanks at both ends, in place. */
static char *trim(char *text)
{
    apr_size_t length;

    while (apr_isspace(*text)) {
        text++;
    }
    length = strlen(text);
    while (length > 0 && apr_isspace(text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

/* One line, not empty and no comment. On failure, problem has no file and line yet. */
static apr_status_t parse_line(egs_options *options, const char **problem, char *line, apr_pool_t *pool)
{
    char *equals = strchr(line, '=');
    const char *key, *value;
    const option *row;

    if (equals == NULL) {
        *problem = apr_psprintf(pool, "\"%s\" is no line of the form name = value",
                                eg_utf8_excerpt(line, strlen(line), pool));
        return APR_EINVAL;
    }
    *equals = '\0';
    key = trim(line);
    value = trim(equals + 1);
    row = find_option(key);
    if (row == NULL) {
        *problem = apr_psprintf(pool, "unknown option \"%s\"; known are %s",
                                eg_utf8_excerpt(key, strlen(key), pool), all_keys(pool));
        return APR_EINVAL;
    }
    if (*value == '"' && unquote(&value, value, pool) != APR_SUCCESS) {
        *problem = apr_psprintf(pool, "%s: the quoted value does not end with its line", key);
        return APR_EINVAL;
    }
    if (row->offset == AT(include) && options->include != NULL) {
        *problem = "include: one file can be included, and not by an included file";
        return APR_EINVAL;
    }
    if (set(options, row, value, pool) != APR_SUCCESS) {
        *problem = complaint(row, value, pool);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

apr_status_t egs_options_parse(egs_options *options, const char **problem, const char *name, const char *text,
                               apr_size_t length, apr_pool_t *pool)
{
    const char *end = text + length;
    int number = 0;

    if (memchr(text, '\0', length) != NULL) {
        *problem = apr_pstrcat(pool, name, ": a NUL byte is in it: no text file", NULL);
        return APR_EINVAL;
    }
    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *stop = feed != NULL ? feed : end;
        char *line = trim(apr_pstrmemdup(pool, text, (apr_size_t)(stop - text)));
        const char *why;

        number++;
        text = feed != NULL ? feed + 1 : end;
        if (*line == '\0' || *line == '#') {
            continue;
        }
        if (parse_line(options, &why, line, pool) != APR_SUCCESS) {
            *problem = apr_psprintf(pool, "%s:%d: %s", name, number, why);
            return APR_EINVAL;
        }
    }
    return APR_SUCCESS;
}

/* The whole of a file onto options. */
static apr_status_t parse_file(egs_options *options, const char **problem, const char *path, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, FILE_MAX + 1), why[128];
    apr_file_t *file;
    apr_size_t length;
    apr_status_t rv;

    rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, APR_FPROT_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        *problem = apr_pstrcat(pool, path, ": ", apr_strerror(rv, why, sizeof why), NULL);
        return rv;
    }
    rv = apr_file_read_full(file, text, FILE_MAX + 1, &length);
    apr_file_close(file);
    if (rv != APR_EOF) {
        *problem = rv == APR_SUCCESS ? apr_psprintf(pool, "%s: longer than %d bytes", path, FILE_MAX)
                                     : apr_pstrcat(pool, path, ": ", apr_strerror(rv, why, sizeof why), NULL);
        return rv == APR_SUCCESS ? APR_EINVAL : rv;
    }
    return egs_options_parse(options, problem, path, text, length, pool);
}

apr_interval_time_t egs_options_post_time(const egs_options *options)
{
    return options->webhook_timeout + options->webhook_lease / 10;
}

/* What no line shows: a post that outlasts its lease is posted again and again, and nothing is recorded. */
static apr_status_t check_together(const egs_options *options, const char **problem, const char *path,
                                   apr_pool_t *pool)
{
    apr_interval_time_t turn = options->webhook_lease / 10;

    if (egs_options_post_time(options) + turn <= options->webhook_lease) {
        return APR_SUCCESS;
    }
    *problem = apr_psprintf(pool,
                            "%s: webhook_timeout (%s): %gs given, allowed is four fifths of webhook_lease at "
                            "most, which are %gs here",
                            path, find_option("webhook_timeout")->help,
                            (double)options->webhook_timeout / APR_USEC_PER_SEC,
                            (double)options->webhook_lease / APR_USEC_PER_SEC * 4 / 5);
    return APR_EINVAL;
}

/* The database counts leases in whole seconds: here they must not seem longer than there. */
static void make_whole(apr_interval_time_t *lease)
{
    *lease = apr_time_from_sec(apr_time_sec(*lease + APR_USEC_PER_SEC - 1));
}

apr_status_t egs_options_load(const egs_options **options, const char **problem, const char *path,
                              apr_pool_t *pool)
{
    egs_options *loaded = apr_palloc(pool, sizeof *loaded);
    apr_status_t rv;

    egs_options_defaults(loaded);
    rv = parse_file(loaded, problem, path, pool);
    if (rv == APR_SUCCESS && loaded->include != NULL) {
        rv = parse_file(loaded, problem, loaded->include, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = check_together(loaded, problem, path, pool);
    }
    if (rv == APR_SUCCESS) {
        make_whole(&loaded->lease);
        make_whole(&loaded->webhook_lease);
        *options = loaded;
    }
    return rv;
}
