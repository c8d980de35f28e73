#include "smtp_listener.h"

#include <string.h>

#include <ap_listen.h>
#include <ap_mpm.h>
#include <apr_poll.h>
#include <apr_strings.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_ssl.h>
#include <util_filter.h>

#include "config.h"
#include "inhand.h"
#include "json.h"
#include "mod_emailgw.h"
#include "netaddr.h"
#include "ratelimit.h"
#include "smtp_returned.h"
#include "smtp_session.h"
#include "smtp_tls.h"
#include "store.h"

#define READ_SIZE 8192 /* octets */
#define COPIES 4       /* of a mail that are in memory while it is read, rewritten and stored */
#define WRITE_TIMEOUT apr_time_from_sec(10) /* that a thread waits for a client to read: replies are short */
#define LINGER_TIME apr_time_from_msec(2) /* that a thread waits for the next command of who has logged in */

/** One connection; lives in its pool. */
typedef struct {
    conn_rec *c;
    const egm_server_config *config;
    eg_log log;
    eg_smtp_settings settings;
    eg_smtp_handler handler;
    eg_smtp_session *session;
    eg_smtp_login login; /* of who has logged in */
    apr_bucket_brigade *in, *out;
    int waits;         /* the MPM can wait for the client without a thread */
    apr_int64_t steps; /* of the session, when they were last looked at */
    int lively;        /* it has got on since a thread last waited for it */
    apr_time_t since;  /* then */
} connection;

/* ---- what the session asks for ---------------------------------------------------------------------- */

static void write_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    static const int levels[] = { APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG };

    ap_log_cerror(APLOG_MARK, levels[level], rv, (conn_rec *)log->baton, "%s", line);
}

static void send_text(void *baton, const char *text, apr_size_t size)
{
    apr_brigade_write(((connection *)baton)->out, NULL, NULL, text, size);
}

static void prepare(eg_call *call, connection *conn, apr_pool_t *pool)
{
    const egm_server_config *config = conn->config;

    *call = (eg_call){
        .pool = pool,
        .log = &conn->log,
        .db = egm_store_of_server(conn->c->base_server, &conn->log, pool),
        .limits = &config->limits,
        .secret = config->secret,
        .rates = config->rates,
        .sender_key = config->sender_key,
        .now = apr_time_now(),
        .args = eg_json_own(json_object(), pool),
        .client = conn->c->client_ip,
    };
    eg_errors_init(&call->errors, pool);
}

/* What the database says to a name and a password. */
static void check_login(eg_smtp_reply *reply, connection *conn, eg_call *call, const char *username,
                        const char *password)
{
    int status;

    if (eg_smtp_authenticate(&conn->login, &status, call, username, password) != APR_SUCCESS) {
        *reply = (eg_smtp_reply){ 454, "4.7.0", "Nobody can log in now: try again later" };
    }
    else if (status == 0) {
        *reply = (eg_smtp_reply){ 235, "2.7.0", "Authentication succeeded" };
    }
    else if (status == EG_E_KEY) {
        eg_ratelimit_login_failed(call, username);
    }
    else {
        eg_call_refuse_key(call, status);
        *reply = (eg_smtp_reply){ 535, "5.7.13", eg_errors_first(&call->errors)->message };
    }
}

static void authenticate(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
                         apr_pool_t *pool)
{
    connection *conn = baton;
    eg_call call;

    prepare(&call, conn, pool);
    if (eg_ratelimit_login(&call, username)) {
        check_login(reply, conn, &call, username, password);
    }
    else {
        *reply = (eg_smtp_reply){ 454, "4.7.0",
                                  apr_psprintf(pool, "Authentication failed too often: wait %d seconds",
                                               call.retry_after) };
    }
    if (reply->code != 235) {
        eg_log_at(&conn->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0176) "SMTP login of '%.100s' refused: %s",
                  username, reply->text);
    }
}

static void recipient(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool)
{
    connection *conn = baton;
    int known = 0;
    eg_call call;

    prepare(&call, conn, pool);
    if (eg_smtp_return_path_known(&known, &call, address) != APR_SUCCESS) {
        *reply = (eg_smtp_reply){ 451, "4.3.0", "This cannot be told now: try again later" };
    }
    else if (known) {
        reply->code = 250;
    }
    else {
        eg_log_at(&conn->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0177) "SMTP recipient %s refused: no return path of this gateway", address);
    }
}

/* Who hands it over, for the log. */
static const char *client_of(const connection *conn, apr_pool_t *pool)
{
    return conn->settings.mode == EG_SMTP_BOUNCES
               ? "a stranger"
               : apr_psprintf(pool, "egm_%" APR_INT64_T_FMT "_%" APR_INT64_T_FMT, conn->login.account_id,
                              conn->login.smtp_id);
}

static void refused(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope)
{
    connection *conn = baton;

    eg_log_at(&conn->log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0178) "SMTP mail of %s from <%s> refused: %d %s %s",
              client_of(conn, envelope->recipients->pool), envelope->sender, reply->code, reply->enhanced,
              reply->text);
}

/* What a mail takes until it is stored; the largest that there may be fits where it is alone. */
static apr_int64_t weight(apr_int64_t size, apr_int64_t max)
{
    return size <= max && size * COPIES > max ? max : size * COPIES;
}

static int has_room(void *baton, apr_int64_t size, apr_pool_t *pool)
{
    apr_int64_t *held = NULL, max = ((connection *)baton)->config->limits.body_memory;

    return eg_inhand_grow(&held, weight(size, max), max, pool);
}

static void complete(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope, eg_bytes message,
                     apr_pool_t *pool)
{
    connection *conn = baton;
    eg_smtp_reply said = *reply;
    apr_status_t rv;
    eg_call call;

    prepare(&call, conn, pool);
    rv = conn->settings.mode == EG_SMTP_BOUNCES
             ? eg_smtp_returned(&said, &call, envelope, message)
             : eg_smtp_submit(&said, &call, &conn->login, envelope, message);
    if (rv == APR_SUCCESS) {
        *reply = said;
    }
    if (reply->code == 250) {
        eg_log_at(&conn->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0179) "SMTP mail of %s from <%s> taken: %s",
                  client_of(conn, pool), envelope->sender, reply->text);
    }
    else {
        refused(conn, reply, envelope);
    }
}

/* ---- a new connection ------------------------------------------------------------------------------- */

static int has_smtp(const server_rec *s)
{
    egm_smtp smtp = egm_config_of_server(s)->settings.smtp;

    return smtp == EGM_SMTP_SUBMISSION || smtp == EGM_SMTP_BOUNCES;
}

static int take_over(conn_rec *c, void *socket)
{
    (void)socket;
    if (has_smtp(c->base_server)) {
        if (egm_config_of_server(c->base_server)->smtp_implicit) {
            egm_smtp_tls_limit(c);
        }
        else {
            egm_smtp_tls_hold(c);
        }
    }
    return OK;
}

static int is_loopback(const conn_rec *c)
{
    eg_netaddr addr;
    const unsigned char *v4;

    if (eg_netaddr_parse(&addr, c->client_ip, 0) != APR_SUCCESS) {
        return 0;
    }
    v4 = eg_netaddr_v4(&addr);
    return v4 != NULL ? v4[0] == 127 : strcmp(c->client_ip, "::1") == 0;
}

static void set_up(connection *conn)
{
    conn_rec *c = conn->c;
    const egm_server_config *config = conn->config;

    conn->settings = (eg_smtp_settings){
        .mode = config->settings.smtp == EGM_SMTP_BOUNCES ? EG_SMTP_BOUNCES : EG_SMTP_SUBMISSION,
        .host = c->base_server->server_hostname,
        .message_max = config->settings.smtp_message_max,
        .recipients_max = (int)config->settings.smtp_recipients_max,
        .secure = config->smtp_implicit,
        .starttls = config->smtp_starttls,
        .plain_auth = config->settings.smtp_insecure_auth == EGM_ON && is_loopback(c),
    };
    conn->handler = (eg_smtp_handler){ .baton = conn,
                                       .send = send_text,
                                       .authenticate = authenticate,
                                       .recipient = recipient,
                                       .has_room = has_room,
                                       .complete = complete,
                                       .refused = refused };
}

static int mpm_can_wait(const conn_rec *c)
{
#ifdef AP_MPMQ_CAN_WAITIO
    int can = 0;

    return c->cs != NULL && ap_mpm_query(AP_MPMQ_CAN_WAITIO, &can) == APR_SUCCESS && can;
#else
    (void)c;
    return 0;
#endif
}

static connection *begin(conn_rec *c)
{
    connection *conn = apr_pcalloc(c->pool, sizeof *conn);

    conn->c = c;
    conn->config = egm_config_of_server(c->base_server);
    conn->log = (eg_log){ .write = write_log, .level = EG_LOG_DEBUG, .baton = c };
    conn->in = apr_brigade_create(c->pool, c->bucket_alloc);
    conn->out = apr_brigade_create(c->pool, c->bucket_alloc);
    conn->waits = mpm_can_wait(c);
    conn->since = apr_time_now();
    set_up(conn);
    conn->session = eg_smtp_session_make(&conn->settings, &conn->handler, c->pool);
    if (conn->config->smtp_implicit) {
        egm_smtp_tls_unlimit(c);
    }
    /* Its limit of the handshake would never end: no request comes to begin the next one. */
    egm_smtp_tls_remove_filter(c, "reqtimeout");
    ap_set_module_config(c->conn_config, &emailgw_module, conn);
    eg_smtp_session_greet(conn->session);
    return conn;
}

/* ---- time --------------------------------------------------------------------------------------------- */

/* When the client must have got on: a command or a whole mail further. */
static apr_time_t deadline_of(const connection *conn)
{
    const egm_settings *settings = &conn->config->settings;

    return conn->since +
           (eg_smtp_session_in_data(conn->session) ? settings->smtp_data_timeout : settings->smtp_timeout);
}

static void note_steps(connection *conn)
{
    apr_int64_t steps = eg_smtp_session_steps(conn->session);

    if (steps != conn->steps) {
        conn->steps = steps;
        conn->lively = 1;
        conn->since = apr_time_now();
    }
}

static int is_stopping(void)
{
    int state;

    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING;
}

/* ---- reading and writing ------------------------------------------------------------------------------ */

static apr_status_t flush(connection *conn)
{
    apr_socket_t *socket = ap_get_conn_socket(conn->c);
    apr_interval_time_t timeout;
    apr_status_t rv;

    if (APR_BRIGADE_EMPTY(conn->out)) {
        return APR_SUCCESS;
    }
    APR_BRIGADE_INSERT_TAIL(conn->out, apr_bucket_flush_create(conn->c->bucket_alloc));
    apr_socket_timeout_get(socket, &timeout);
    apr_socket_timeout_set(socket, WRITE_TIMEOUT);
    rv = ap_pass_brigade(conn->c->output_filters, conn->out);
    apr_socket_timeout_set(socket, timeout);
    apr_brigade_cleanup(conn->out);
    return rv;
}

/* All that a read has brought goes to the session. */
static apr_status_t feed(connection *conn, eg_smtp_next *next)
{
    while (!APR_BRIGADE_EMPTY(conn->in) && *next == EG_SMTP_READ) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(conn->in);
        const char *data;
        apr_size_t size;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(bucket)) {
            return APR_EOF;
        }
        rv = apr_bucket_read(bucket, &data, &size, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *next = eg_smtp_session_feed(conn->session, data, size);
        apr_bucket_delete(bucket);
    }
    return APR_SUCCESS;
}

/*
 * The next command often comes at once. To wait for it costs less than to hand the
 * connection to the MPM and back; but not for strangers, who could keep all threads so.
 */
static apr_status_t linger(connection *conn)
{
    apr_pollfd_t wanted = { .p = conn->c->pool,
                            .desc_type = APR_POLL_SOCKET,
                            .reqevents = APR_POLLIN,
                            .desc.s = ap_get_conn_socket(conn->c) };
    apr_int32_t ready;

    if (!conn->lively || !eg_smtp_session_authenticated(conn->session)) {
        return APR_EAGAIN;
    }
    conn->lively = 0;
    return apr_poll(&wanted, 1, &ready, LINGER_TIME) == APR_SUCCESS ? APR_SUCCESS : APR_EAGAIN;
}

/*
 * @return APR_EAGAIN when there is nothing, where the MPM can wait; APR_TIMEUP at the
 *         deadline; else other than APR_SUCCESS when the client is gone
 */
static apr_status_t read_once(connection *conn)
{
    apr_interval_time_t left = deadline_of(conn) - apr_time_now();
    apr_status_t rv;

    if (left <= 0) {
        return APR_TIMEUP;
    }
    if (!conn->waits) {
        apr_socket_timeout_set(ap_get_conn_socket(conn->c), left);
    }
    rv = ap_get_brigade(conn->c->input_filters, conn->in, AP_MODE_READBYTES,
                        conn->waits ? APR_NONBLOCK_READ : APR_BLOCK_READ, READ_SIZE);
    return rv == APR_SUCCESS && APR_BRIGADE_EMPTY(conn->in) ? APR_EAGAIN : rv;
}

static apr_status_t read_some(connection *conn)
{
    apr_status_t rv = read_once(conn);

    if (conn->waits && APR_STATUS_IS_EAGAIN(rv) && linger(conn) == APR_SUCCESS) {
        rv = read_once(conn);
    }
    return rv;
}

/*
 * @return APR_EGENERAL, not what the handshake says: its APR_EAGAIN would go to the
 *         MPM, to wait for a client that is of no use any more
 */
static apr_status_t start_tls(connection *conn)
{
    /* What is in hand already was said before TLS. */
    if (!APR_BRIGADE_EMPTY(conn->in) || egm_smtp_tls_begin(conn->c) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    eg_smtp_session_secured(conn->session);
    return APR_SUCCESS;
}

/*
 * Read, let the session answer, send: until there is nothing to be read. @return
 * APR_EAGAIN then, APR_EOF when all is said
 */
static apr_status_t talk(connection *conn)
{
    apr_status_t rv = flush(conn);

    while (rv == APR_SUCCESS) {
        eg_smtp_next next = EG_SMTP_READ;

        rv = read_some(conn);
        if (rv == APR_SUCCESS) {
            if (is_stopping()) {
                eg_smtp_session_stop(conn->session);
            }
            rv = feed(conn, &next);
            note_steps(conn);
        }
        if (APR_STATUS_IS_TIMEUP(rv)) {
            eg_smtp_session_quit(conn->session, "4.4.2", "Nothing came for too long");
        }
        if (flush(conn) != APR_SUCCESS || next == EG_SMTP_CLOSE) {
            return APR_EOF;
        }
        if (rv == APR_SUCCESS && next == EG_SMTP_STARTTLS) {
            rv = start_tls(conn);
        }
    }
    return rv;
}

static void wait_for_more(conn_rec *c)
{
#ifdef AP_MPMQ_CAN_WAITIO
    c->cs->state = CONN_STATE_ASYNC_WAITIO;
    c->cs->sense = CONN_SENSE_WANT_READ;
#else
    (void)c;
#endif
}

static void close_connection(conn_rec *c)
{
    c->keepalive = AP_CONN_CLOSE;
    if (c->cs != NULL) {
        c->cs->state = CONN_STATE_LINGER;
    }
}

static int process(conn_rec *c)
{
    connection *conn;
    apr_status_t rv = APR_EOF;

    if (!has_smtp(c->base_server)) {
        return DECLINED;
    }
    conn = ap_get_module_config(c->conn_config, &emailgw_module);
    /* Where TLS comes first, mod_ssl lets plain HTTP pass, to tell what is wrong. */
    if (!egm_config_of_server(c->base_server)->smtp_implicit || ap_ssl_conn_is_ssl(c)) {
        conn = conn != NULL ? conn : begin(c);
        rv = talk(conn);
    }
    if (conn != NULL && conn->waits && APR_STATUS_IS_EAGAIN(rv)) {
        wait_for_more(c);
    }
    else {
        close_connection(c);
    }
    return OK;
}

void egm_smtp_register(void)
{
    static const char *const before_ssl[] = { "mod_ssl.c", NULL };
    static const char *const after_timers[] = { "mod_reqtimeout.c", "mod_ssl.c", NULL };
    static const char *const before_http2[] = { "mod_http2.c", NULL };

    egm_smtp_tls_register();
    ap_hook_pre_connection(take_over, NULL, before_ssl, APR_HOOK_MIDDLE);
    ap_hook_process_connection(process, after_timers, before_http2, APR_HOOK_MIDDLE);
}

/* ---- at start -------------------------------------------------------------------------------------------- */

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

static int check_server(server_rec *s)
{
    int said = 0;

    if (egm_config_of_server(s)->settings.engine != EGM_ON) {
        return complain(s, "it needs EmailGatewayEngine On");
    }
    for (const server_addr_rec *address = s->addrs; address != NULL; address = address->next) {
        if (address->host_port == 0) {
            return complain(s, "its <VirtualHost> needs a port");
        }
        said |= words_of_listen(address);
    }
    if (said != SAID_SMTP && said != SAID_SMTPS) {
        /* With any other word, or none, httpd waits for the client to speak first. */
        return complain(s,
                        "its port needs a Listen with the word smtp, or smtps for TLS from the first byte");
    }
    egm_config_of_server(s)->smtp_implicit = said == SAID_SMTPS;
    return OK;
}

int egm_smtp_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *temp_pool, server_rec *main_server)
{
    (void)pool;
    (void)log_pool;
    (void)temp_pool;
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (has_smtp(s) && check_server(s) != OK) {
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
        return egm_smtp_tls_has(s)
                   ? OK
                   : complain(s, "TLS from the first byte needs SSLEngine On and certificates");
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
        if (has_smtp(s) && start_server(s, can_upgrade) != OK) {
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}
