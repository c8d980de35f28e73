/*
 * The transport mx's reading of the options: towards whom how much is allowed.
 */
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "cafile.h"
#include "holds.h"
#include "hostname.h"
#include "mx_plan.h"
#include "smtp_peer.h"

#define CONNECTIONS_MAX 256
#define NUMBER_MAX 100000
#define WAITING_SHARE 4 /* mails that may wait, for one that is under way: a question costs little */
#define LOOKS_WAITED 2  /* times that a look at a policy can take: one for the turn, one for the look */
#define FORM                                                                                                 \
    "entries SUFFIX:CONNECTIONS:MAILS:RATE:TLS with commas between; CONNECTIONS is 1 to 256, MAILS (over "   \
    "one connection) 1 to 100000, RATE (a second) 0 to 100000, TLS opportunistic, always or required"

/* What the big providers bear, by the names of their hosts; of new connections they bear what all do. */
static const egs_shape shipped[] = {
    { "google.com", 5, 50, 100, EGS_TLS_ALWAYS, 0 },
    { "googlemail.com", 5, 50, 100, EGS_TLS_ALWAYS, 0 },
    { "outlook.com", 5, 50, 100, EGS_TLS_OPPORTUNISTIC, 0 },
    { "office365.us", 5, 50, 100, EGS_TLS_OPPORTUNISTIC, 0 },
    { "yahoodns.net", 10, 20, 100, EGS_TLS_OPPORTUNISTIC, 0 },
    { "icloud.com", 10, 5, 100, EGS_TLS_OPPORTUNISTIC, 0 },
    { "comcast.net", 25, 1000, 100, EGS_TLS_OPPORTUNISTIC, 0 },
};

static int read_number(int *number, char **at, int least, int most)
{
    const char *text = apr_strtok(NULL, ":", at);
    char *end = NULL;
    long value = text && *text >= '0' && *text <= '9' ? strtol(text, &end, 10) : -1;

    *number = (int)value;
    return end && !*end && value >= least && value <= most;
}

static int read_tls(egs_tls *tls, char **at)
{
    const char *text = apr_strtok(NULL, ":", at);

    return text && egs_tls_parse(tls, text) == APR_SUCCESS && *tls != EGS_TLS_NONE;
}

static int read_shape(egs_shape *shape, char *entry)
{
    char *at;

    shape->suffix = apr_strtok(entry, ":", &at);
    return shape->suffix && strspn(shape->suffix, EG_HOST_NAME_BYTES) == strlen(shape->suffix) &&
           read_number(&shape->connections, &at, 1, CONNECTIONS_MAX) &&
           read_number(&shape->mails, &at, 1, NUMBER_MAX) && read_number(&shape->rate, &at, 0, NUMBER_MAX) &&
           read_tls(&shape->tls, &at) && !apr_strtok(NULL, ":", &at);
}

static apr_status_t read_shapes(egs_plan *plan, const char **problem, const egs_options *options,
                                apr_pool_t *pool)
{
    apr_array_header_t *shapes = apr_array_make(pool, 16, sizeof(egs_shape));
    char *at, *entry, *text = apr_pstrdup(pool, options->mx_destinations ? options->mx_destinations : "");

    for (entry = apr_strtok(text, ", \t", &at); entry; entry = apr_strtok(NULL, ", \t", &at)) {
        const char *given = apr_pstrdup(pool, entry);

        if (!read_shape(&APR_ARRAY_PUSH(shapes, egs_shape), entry)) {
            *problem = apr_psprintf(pool, "mx_destinations: \"%s\" is not one of its entries; allowed are %s",
                                    given, FORM);
            return APR_EINVAL;
        }
    }
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        APR_ARRAY_PUSH(shapes, egs_shape) = shipped[i];
    }
    APR_ARRAY_PUSH(shapes, egs_shape) =
        (egs_shape){ "", options->mx_connections, options->mx_mails, options->mx_rate, options->mx_tls, 0 };
    for (int i = 0; i < shapes->nelts; i++) {
        APR_ARRAY_IDX(shapes, i, egs_shape).new_connections = options->mx_new_connections;
    }
    plan->shapes = (const egs_shape *)shapes->elts;
    return APR_SUCCESS;
}

apr_status_t egs_mx_prepare(const egs_plan **plan, const char **problem, const egs_options *options,
                            apr_pool_t *pool)
{
    egs_plan *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = egs_peer_read_name(&made->peer.helo, problem, options, pool);

    if (rv == APR_SUCCESS) {
        rv = egs_cafile_check(problem, "mx_ca_file", options->mx_ca_file, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = read_shapes(made, problem, options, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->peer.port = options->mx_port;
    made->peer.ca_file = options->mx_ca_file;
    egs_peer_set_timeouts(&made->peer, options);
    made->may_be_private = options->mx_private;
    made->resolver = (eg_dns_resolver){ options->resolver, options->resolver_timeout };
    made->policy_patience = LOOKS_WAITED * (2 * options->resolver_timeout + options->sts_timeout);
    made->connections = options->connections;
    made->waiting_max = WAITING_SHARE * options->connections;
    made->destinations = egs_destinations_new(&options->retry, pool);
    egs_holds_forget_dead(); /* it knows of none */
    if (!made->destinations) {
        *problem = "out of memory";
        return APR_ENOMEM;
    }
    *plan = made;
    return APR_SUCCESS;
}
