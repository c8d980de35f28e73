#include "smtp_start.h"

#include <string.h>
#include <strings.h>

#include <ap_listen.h>
#include <http_core.h>
#include <http_vhost.h>

#include "config.h"
#include "conftree.h"
#include "mod_emailgw.h"
#include "smtp_tls.h"

int egm_smtp_is_on(const server_rec *s)
{
    egm_smtp smtp = egm_config_of_server(s)->settings.smtp;

    return smtp == EGM_SMTP_SUBMISSION || smtp == EGM_SMTP_BOUNCES;
}

static int complain(server_rec *s, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, EGLOGNO(0180) "EmailGatewaySMTP of %s:%u: %s",
                 s->server_hostname, s->addrs != NULL ? s->addrs->host_port : 0, what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int leads_to(const ap_listen_rec *listener, const server_addr_rec *address)
{
    return listener->bind_addr->port == address->host_port &&
           (apr_sockaddr_is_wildcard(listener->bind_addr) || apr_sockaddr_is_wildcard(address->host_addr) ||
            apr_sockaddr_equal(listener->bind_addr, address->host_addr));
}

/** What the Listen lines of a server say of its protocol. */
enum { SAID_SMTP = 1, SAID_SMTPS = 2, SAID_OTHER = 4 };

static int words_of_listen(const server_addr_rec *address)
{
    int said = 0;

    for (const ap_listen_rec *l = ap_listeners; l != NULL; l = l->next) {
        if (!leads_to(l, address)) {
            continue;
        }
        if (l->protocol != NULL && strcmp(l->protocol, "smtp") == 0) {
            said |= SAID_SMTP;
        }
        else {
            said |= l->protocol != NULL && strcmp(l->protocol, "smtps") == 0 ? SAID_SMTPS : SAID_OTHER;
        }
    }
    return said;
}

/* @param mode  egm_smtp *: of all. @return other than 0 when this one has another, which ends the walk */
static int differs(void *mode, conn_rec *c, server_rec *s)
{
    (void)c;
    return egm_config_of_server(s)->settings.smtp != *(const egm_smtp *)mode;
}

/*
 * The first of an address gets all connections, and TLS can name the others: so all of
 * them must speak the same.
 */
static int shares_with_others(server_rec *s, const server_addr_rec *address)
{
    conn_rec like = { .local_addr = address->host_addr };
    egm_smtp mode = egm_config_of_server(s)->settings.smtp;

    ap_update_vhost_given_ip(&like);
    return differs(&mode, &like, like.base_server) || ap_vhost_iterate_given_conn(&like, differs, &mode);
}

/* As far as a test of the configuration can know: certificates are mod_ssl's to look at, when it starts. */
static int may_have_tls(const server_rec *s, apr_pool_t *pool)
{
    const char *engine = egm_conftree_argument(s, "SSLEngine", pool);

    return engine != NULL && strcasecmp(engine, "off") != 0;
}

static int complain_of_no_tls(server_rec *s)
{
    return complain(s, "TLS from the first byte needs SSLEngine On and certificates");
}

static int check_server(server_rec *s, apr_pool_t *pool)
{
    int said = 0;

    if (egm_config_of_server(s)->settings.engine != EGM_ON) {
        return complain(s, "it needs EmailGatewayEngine On");
    }
    for (const server_addr_rec *address = s->addrs; address != NULL; address = address->next) {
        if (address->host_port == 0) {
            return complain(s, "its <VirtualHost> needs a port");
        }
        if (shares_with_others(s, address)) {
            return complain(s,
                            "all virtual hosts of its address and port must have the same EmailGatewaySMTP");
        }
        said |= words_of_listen(address);
    }
    if (said != SAID_SMTP && said != SAID_SMTPS) {
        /* With any other word, or none, httpd waits for the client to speak first. */
        return complain(s,
                        "its port needs a Listen with the word smtp, or smtps for TLS from the first byte");
    }
    egm_config_of_server(s)->smtp_implicit = said == SAID_SMTPS;
    return said != SAID_SMTPS || may_have_tls(s, pool) ? OK : complain_of_no_tls(s);
}

int egm_smtp_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *main_server)
{
    (void)pool;
    (void)log_pool;
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (egm_smtp_is_on(s) && check_server(s, temp_pool) != OK) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* @param can_upgrade  mod_ssl has what STARTTLS needs */
static int start_server(server_rec *s, int can_upgrade)
{
    egm_server_config *config = egm_config_of_server(s);

    if (config->smtp_implicit) {
        return egm_smtp_tls_has(s) ? OK : complain_of_no_tls(s);
    }
    config->smtp_starttls = egm_smtp_tls_has(s) && can_upgrade;
    if (egm_smtp_tls_has(s) && !can_upgrade) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     EGLOGNO(0181) "STARTTLS is not offered: this mod_ssl cannot be made to begin later");
    }
    if (config->settings.smtp == EGM_SMTP_SUBMISSION && !config->smtp_starttls &&
        config->settings.smtp_insecure_auth != EGM_ON) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     EGLOGNO(0182) "nobody can hand in mail by SMTP at %s: there is no TLS to log in under",
                     s->server_hostname);
    }
    return OK;
}

int egm_smtp_start(server_rec *main_server)
{
    int can_upgrade = egm_smtp_tls_find();

    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (egm_smtp_is_on(s) && start_server(s, can_upgrade) != OK) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}
