/*
 * Transport to a smart host: every mail goes to the one server that the
 * options name.
 */
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

#include "hostname.h"
#include "smtp.h"
#include "smtp_peer.h"
#include "transport.h"

#define PASSWORD_MAX 1024 /* bytes */

struct egs_plan {
    egs_smtp_peer peer;
    egs_smtp_peer strict; /* the same server, for mails that go over TLS or not at all */
};

struct egs_carrier {
    egs_smtp *smtp;
};

/* relay:HOST:PORT; its form has been checked with the option. */
static apr_status_t read_address(egs_smtp_peer *peer, const char **problem, const egs_options *options,
                                 apr_pool_t *pool)
{
    const char *host = options->transport + strlen("relay:"), *port = strrchr(host, ':');

    peer->host = apr_pstrmemdup(pool, host, (apr_size_t)(port - host));
    peer->port = (int)apr_atoi64(port + 1);
    if (strspn(peer->host, EG_HOST_NAME_BYTES ":[]") != strlen(peer->host) ||
        (strchr(peer->host, ':') && (peer->host[0] != '[' || !strchr(peer->host, ']')))) {
        *problem = apr_psprintf(pool, "transport = %s: HOST is a name, an IPv4 address or [an IPv6 address]",
                                options->transport);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

/* The first line of the file. */
static apr_status_t read_password(egs_smtp_peer *peer, const char **problem, const char *path,
                                  apr_pool_t *pool)
{
    char *password = apr_palloc(pool, PASSWORD_MAX), why[200];
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_file_gets(password, PASSWORD_MAX, file);
        apr_file_close(file);
    }
    if (rv != APR_SUCCESS) {
        *problem = apr_psprintf(pool, "relay_password_file = %s: %s", path,
                                rv == APR_EOF ? "is empty" : apr_strerror(rv, why, sizeof why));
        return APR_EINVAL;
    }
    password[strcspn(password, "\r\n")] = '\0';
    peer->password = password;
    return APR_SUCCESS;
}

static apr_status_t read_login(egs_smtp_peer *peer, const char **problem, const egs_options *options,
                               apr_pool_t *pool)
{
    if (!options->relay_user != !options->relay_password_file) {
        *problem = "relay_user and relay_password_file: either both or none";
        return APR_EINVAL;
    }
    peer->user = options->relay_user;
    return peer->user ? read_password(peer, problem, options->relay_password_file, pool) : APR_SUCCESS;
}

static apr_status_t read_ca_file(egs_smtp_peer *peer, const char **problem, const egs_options *options,
                                 apr_pool_t *pool)
{
    apr_file_t *file;
    char why[200];
    apr_status_t rv;

    peer->ca_file = options->relay_ca_file;
    if (!peer->ca_file) {
        return APR_SUCCESS;
    }
    rv = apr_file_open(&file, peer->ca_file, APR_FOPEN_READ, APR_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        *problem =
            apr_psprintf(pool, "relay_ca_file = %s: %s", peer->ca_file, apr_strerror(rv, why, sizeof why));
        return APR_EINVAL;
    }
    return apr_file_close(file);
}

static apr_status_t read_name(egs_smtp_peer *peer, const char **problem, const egs_options *options,
                              apr_pool_t *pool)
{
    return egs_peer_read_name(&peer->helo, problem, options, pool);
}

static void write_key(egs_smtp_peer *peer, apr_pool_t *pool)
{
    peer->key = apr_psprintf(pool, "%s\n%d\n%s\n%d\n%s\n%s\n%s", peer->host, peer->port, peer->helo,
                             peer->tls, peer->ca_file ? peer->ca_file : "", peer->user ? peer->user : "",
                             peer->user ? peer->password : "");
}

static apr_status_t prepare(const egs_plan **plan, const char **problem, const egs_options *options,
                            apr_pool_t *pool)
{
    static apr_status_t (*const steps[])(egs_smtp_peer *, const char **, const egs_options *,
                                         apr_pool_t *) = {
        read_address,
        read_name,
        read_login,
        read_ca_file,
    };
    egs_plan *made = apr_pcalloc(pool, sizeof *made);
    egs_smtp_peer *peer = &made->peer;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        apr_status_t rv = steps[i](peer, problem, options, pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    peer->tls = options->relay_tls;
    peer->connections = options->relay_connections;
    egs_peer_set_timeouts(peer, options);
    made->strict = made->peer;
    made->strict.tls = EGS_TLS_REQUIRED;
    write_key(peer, pool);
    write_key(&made->strict, pool);
    *plan = made;
    return APR_SUCCESS;
}

static apr_status_t open_carrier(egs_carrier **carrier, const eg_log *log, apr_pool_t *pool)
{
    *carrier = apr_palloc(pool, sizeof **carrier);
    return egs_smtp_open(&(*carrier)->smtp, log, pool);
}

static const egs_smtp_peer *peer_for(const egs_plan *plan, const egs_job *job)
{
    return job->content->needs_tls ? &plan->strict : &plan->peer;
}

static int room(egs_carrier *carrier, const egs_plan *plan, const egs_job *job)
{
    (void)job;
    if (plan->peer.tls == EGS_TLS_REQUIRED) {
        return egs_smtp_room(carrier->smtp, &plan->peer);
    }
    return egs_smtp_room(carrier->smtp, &plan->peer) + egs_smtp_room(carrier->smtp, &plan->strict) -
           plan->peer.connections; /* both are connections to one server */
}

static void begin(egs_carrier *carrier, const egs_plan *plan, egs_job *job)
{
    egs_smtp_begin(carrier->smtp, job, peer_for(plan, job));
}

static void work(egs_carrier *carrier, int places, apr_interval_time_t wait)
{
    (void)places;
    egs_smtp_work(carrier->smtp, wait);
}

static egs_job *finished(egs_carrier *carrier)
{
    return egs_smtp_finished(carrier->smtp);
}

static apr_status_t watch(egs_carrier *carrier, int fd)
{
    return egs_smtp_watch(carrier->smtp, fd);
}

const egs_transport egs_transport_relay = {
    .name = "relay",
    .prepare = prepare,
    .open = open_carrier,
    .room = room,
    .begin = begin,
    .work = work,
    .finished = finished,
    .watch = watch,
};
