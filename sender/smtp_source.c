/*
 * Connecting from the address that a mail's domain has, its source.
 *
 * It binds addresses of its own family only: a server's others are connected to from
 * the system's choice. libcurl's CURLOPT_INTERFACE could not say so of a server that is
 * known by name: its addresses of the other family would all fail.
 */
#include <apr_strings.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp_conn.h"

/* A source that could not be used. They are as few as domains have. */
typedef struct {
    const char *text;
    int told; /* the log has it; it has not worked since */
} source;

/* The source as an address of this family; its size, or 0 where it is of the other one. */
static socklen_t read_source(struct sockaddr_storage *address, const char *text, int family)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;

    memset(address, 0, sizeof *address);
    address->ss_family = (sa_family_t)family;
    if (family == AF_INET && inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        return sizeof *v4;
    }
    if (family == AF_INET6 && inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        return sizeof *v6;
    }
    return 0;
}

/* It is there: perhaps it was not before. */
static void note_use(const egs_smtp_conn *c)
{
    source *known = apr_hash_get(c->smtp->sources, c->source, APR_HASH_KEY_STRING);

    if (known && known->told) {
        known->told = 0;
        eg_log_at(c->smtp->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0431) "the source address %s can be used again", c->source);
    }
}

/* The port is chosen with the connection: each server has all of them for itself. */
static int bind_source(egs_smtp_conn *c, int fd, int family)
{
    struct sockaddr_storage address;
    socklen_t size = read_source(&address, c->source, family);
    int on = 1;

    if (!size) {
        return 0;
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address, size)) {
        c->source_error = errno;
        return -1;
    }
    note_use(c);
    return 0;
}

/* In place of libcurl's own call of socket(). */
static curl_socket_t open_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *to)
{
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

    (void)purpose;
    if (fd >= 0 && bind_source(baton, fd, to->family)) {
        close(fd);
        fd = CURL_SOCKET_BAD;
    }
    return fd;
}

void egs_smtp_source_set(egs_smtp_conn *c)
{
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(c->easy, CURLOPT_OPENSOCKETDATA, c);
}

static source *remember(egs_smtp *smtp, const char *text)
{
    source *known = apr_hash_get(smtp->sources, text, APR_HASH_KEY_STRING);

    if (!known) {
        known = apr_pcalloc(smtp->pool, sizeof *known);
        known->text = apr_pstrdup(smtp->pool, text);
        apr_hash_set(smtp->sources, known->text, APR_HASH_KEY_STRING, known);
    }
    return known;
}

/* The outcome has no stage: this says nothing of the server. */
void egs_smtp_source_fail(egs_smtp_conn *c)
{
    source *known = remember(c->smtp, c->source);
    egs_outcome *outcome = &c->job->outcome;
    char why[200];

    apr_strerror(APR_FROM_OS_ERROR(c->source_error), why, sizeof why);
    outcome->enhanced = "4.4.0";
    outcome->text = apr_psprintf(c->job->pool, "the source address %s cannot be used: %s", c->source, why);
    if (!known->told) {
        known->told = 1;
        eg_log_at(c->smtp->log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0430) "the source address %s of domain %s cannot be used: %s", c->source,
                  c->job->content->domain, why);
    }
}
