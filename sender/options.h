/*
 * emailgw-sender.conf: what the sender and emailgwctl are told by the operator.
 *
 * Lines of "name = value". A line that begins with # is a comment. A value with
 * blanks at its ends goes into double quotes, where \" and \\ stand for the
 * two characters. The later of two lines wins. "include = FILE" may stand once
 * and not in an included file; FILE is read after the rest, so it wins.
 */
#ifndef EGS_OPTIONS_H
#define EGS_OPTIONS_H

#include <apr_tables.h>

#include "log.h"

#define EGS_OPTIONS_PATH "/etc/emailgw/emailgw-sender.conf"

#define EGS_DURATIONS_MAX 32

/** Times of a list. */
typedef struct {
    apr_interval_time_t each[EGS_DURATIONS_MAX];
    int count; /* 1 or more */
} egs_durations;

typedef enum {
    EGS_TLS_NONE,
    EGS_TLS_OPPORTUNISTIC, /* where offered, with any certificate */
    EGS_TLS_ALWAYS,        /* never without, with any certificate */
    EGS_TLS_REQUIRED       /* with a certificate that holds */
} egs_tls;

/** By its word in the configuration. @return APR_EINVAL */
apr_status_t egs_tls_parse(egs_tls *tls, const char *word);

/* Every option has a default; conf/emailgw-sender.conf is the reference. */
typedef struct {
    const char *database;       /* the sender's libpq connection string */
    const char *admin_database; /* the owner's, for emailgwctl; NULL: as database */
    const char *secret_file;
    const char *sender_key_file; /* private half; the public one has ".pub" behind it */
    const char *transport;       /* "outbox", "relay:HOST:PORT" or "mx" */
    const char *outbox;          /* directory */
    const char *hostname;        /* EHLO's; NULL: the machine's own */
    egs_tls relay_tls;
    const char *relay_ca_file; /* PEM; NULL: the system's */
    const char *relay_user;    /* NULL: no AUTH */
    const char *relay_password_file;
    int relay_connections;               /* of one thread, 1 to 256 */
    int mx_port;                         /* 1 to 65535 */
    int mx_private;                      /* is a mail host's address to be used that is not public? */
    int mx_connections;                  /* to one destination, 1 to 256 */
    int mx_mails;                        /* over one connection, 1 to 100000 */
    int mx_new_connections;              /* in a minute to one destination, 0 to 100000; 0: any number */
    int mx_rate;                         /* a second to one destination, 0 to 100000; 0: any number */
    egs_tls mx_tls;                      /* to destinations that mx_destinations does not name */
    const char *mx_ca_file;              /* PEM; NULL: the system's */
    const char *mx_destinations;         /* as given, or NULL */
    apr_interval_time_t connect_timeout; /* the three: 10 ms to 1 h */
    apr_interval_time_t command_timeout;
    apr_interval_time_t final_timeout; /* for the reply after the final dot */
    egs_durations retry;               /* 10 ms to 7 d each; the last one repeats */
    apr_interval_time_t lifetime;      /* 10 ms to 30 d, from the first attempt */
    int connections;                   /* transfers of one thread at a time, 1 to 256 */
    apr_interval_time_t stop_timeout;  /* 0 to 1 h */
    int threads;                       /* 1 to 64 */
    int dkim;                          /* are mails signed? */
    int signing_threads;               /* 1 to 64, for all of them */
    int claim_batch;                   /* messages per claim, 1 to 1000 */
    int list_ahead;                    /* mails that a domain has ready, 1 to 1000000 */
    apr_interval_time_t lease;         /* 5 s to 1 h */
    apr_interval_time_t poll;          /* sleep when nothing is due, 10 ms to 10 s */
    const char *log_file;              /* "-" is standard error */
    eg_log_level log_level;
    const char *pid_file;                      /* NULL: none is written */
    int message_retention;                     /* days that contents are kept, 1 to 3650 */
    int event_retention;                       /* days that events are kept, 1 to 3650 */
    int webhook_connections;                   /* posts at once, 1 to 1000 */
    apr_interval_time_t webhook_timeout;       /* of one post, 100 ms to 5 min */
    apr_interval_time_t webhook_lease;         /* 5 s to 1 h; see egs_options_post_time */
    egs_durations webhook_retry;               /* waits before the second and later tries */
    apr_interval_time_t webhook_disable_after; /* of failing, 1 s to 30 d */
    const char *webhook_ca_file;               /* PEM, beside the system's; NULL: those alone */
    const apr_array_header_t *webhook_allow;   /* of eg_netaddr: not public, and yet posted to; may be NULL */
    const apr_array_header_t *resolver;        /* of eg_netaddr: DNS servers; NULL: those of resolv.conf */
    apr_interval_time_t resolver_timeout;      /* of all questions of one check, 100 ms to 60 s */
    const char *mail_host;                     /* in the records of new domains; NULL: hostname */
    const char *tracking_url;                  /* of new domains; NULL: none */
    apr_interval_time_t domain_check_interval; /* 100 ms to 30 d; the next two from the first failure on */
    apr_interval_time_t domain_warn_after;     /* 0 to 365 d */
    apr_interval_time_t domain_suspend_after;  /* 0 to 365 d */
    apr_interval_time_t sts_interval;          /* between looks at a domain's MTA-STS, 100 ms to 1 d */
    apr_interval_time_t sts_timeout;           /* of fetching a policy, 100 ms to 60 s */
    const char *sts_ca_file;                   /* PEM, beside the system's; NULL: those alone */
    int sts_port;                              /* of policy hosts, 1 to 65535: 443 but for tests */
    const apr_array_header_t *sts_allow; /* of eg_netaddr: not public, and yet fetched from; may be NULL */
    const char *include;                 /* as given, or NULL */
} egs_options;

/** Every option as it is when no file names it. */
void egs_options_defaults(egs_options *options);

/**
 * The lines of one buffer onto options. Nothing is opened: include is only noted.
 * @param problem  on APR_EINVAL: "FILE:LINE: what was given and what is allowed"
 * @param name  what the buffer is called in problem
 */
apr_status_t egs_options_parse(egs_options *options, const char **problem, const char *name, const char *text,
                               apr_size_t length, apr_pool_t *pool);

/**
 * How long before the end of its lease a webhook post begins at the latest: it may
 * take all of webhook_timeout, and then there is a tenth of the lease for recording
 * what came of it. Options that leave less than another tenth for its turn to come
 * are refused by egs_options_load.
 */
apr_interval_time_t egs_options_post_time(const egs_options *options);

/**
 * The file at path and what it includes, over the defaults.
 * @param problem  on failure: one sentence that names the file
 * @return APR_EINVAL for a wrong line or options that do not go together, else why the file cannot be read
 */
apr_status_t egs_options_load(const egs_options **options, const char **problem, const char *path,
                              apr_pool_t *pool);

#endif
