#include "smtp_listener.h"

#include <string.h>

#include <ap_mpm.h>
#include <apr_poll.h>
#include <http_connection.h>
#include <http_core.h>
#include <http_ssl.h>
#include <util_filter.h>

#include "config.h"
#include "mod_emailgw.h"
#include "netaddr.h"
#include "smtp_answers.h"
#include "smtp_session.h"
#include "smtp_start.h"
#include "smtp_tls.h"

#define READ_SIZE 8192                      /* octets */
#define WRITE_TIMEOUT apr_time_from_sec(10) /* that a thread waits for a client to read: replies are short */
#define LINGER_TIME apr_time_from_msec(2) /* that a thread waits for the next command of who has logged in */

/** One connection; lives in its pool. */
typedef struct {
    egm_smtp_client client;
    eg_smtp_settings settings;
    eg_smtp_handler handler;
    eg_smtp_session *session;
    apr_bucket_brigade *in;
    int waits;         /* the MPM can wait for the client without a thread */
    apr_int64_t steps; /* of the session, when they were last looked at */
    int lively;        /* it has got on since a thread last waited for it */
    apr_time_t since;  /* then */
} connection;

/* ---- a new connection ------------------------------------------------------------------------------- */

static int take_over(conn_rec *c, void *socket)
{
    (void)socket;
    if (egm_smtp_is_on(c->base_server)) {
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

/* As the connection's virtual host has it, which is another one when TLS has named it. */
static void settle(connection *conn)
{
    conn_rec *c = conn->client.c;
    const egm_server_config *config = egm_config_of_server(c->base_server);

    conn->client.config = config;
    conn->client.mode = config->settings.smtp == EGM_SMTP_BOUNCES ? EG_SMTP_BOUNCES : EG_SMTP_SUBMISSION;
    conn->settings = (eg_smtp_settings){
        .mode = conn->client.mode,
        .host = c->base_server->server_hostname,
        .message_max = config->settings.smtp_message_max,
        .recipients_max = (int)config->settings.smtp_recipients_max,
        .secure = config->smtp_implicit,
        .starttls = config->smtp_starttls,
        .plain_auth = config->settings.smtp_insecure_auth == EGM_ON && is_loopback(c),
    };
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

    conn->client = (egm_smtp_client){ .c = c, .out = apr_brigade_create(c->pool, c->bucket_alloc) };
    conn->in = apr_brigade_create(c->pool, c->bucket_alloc);
    conn->waits = mpm_can_wait(c);
    conn->since = apr_time_now();
    if (egm_config_of_server(c->base_server)->smtp_implicit) {
        egm_smtp_tls_unlimit(c);
        egm_smtp_tls_choose_server(c);
    }
    settle(conn);
    egm_smtp_answers_init(&conn->handler, &conn->client);
    conn->session = eg_smtp_session_make(&conn->settings, &conn->handler, c->pool);
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
    const egm_settings *settings = &conn->client.config->settings;

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
    apr_socket_t *socket = ap_get_conn_socket(conn->client.c);
    apr_interval_time_t timeout;
    apr_status_t rv;

    if (APR_BRIGADE_EMPTY(conn->client.out)) {
        return APR_SUCCESS;
    }
    APR_BRIGADE_INSERT_TAIL(conn->client.out, apr_bucket_flush_create(conn->client.c->bucket_alloc));
    apr_socket_timeout_get(socket, &timeout);
    apr_socket_timeout_set(socket, WRITE_TIMEOUT);
    rv = ap_pass_brigade(conn->client.c->output_filters, conn->client.out);
    apr_socket_timeout_set(socket, timeout);
    apr_brigade_cleanup(conn->client.out);
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
    apr_pollfd_t wanted = { .p = conn->client.c->pool,
                            .desc_type = APR_POLL_SOCKET,
                            .reqevents = APR_POLLIN,
                            .desc.s = ap_get_conn_socket(conn->client.c) };
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
        apr_socket_timeout_set(ap_get_conn_socket(conn->client.c), left);
    }
    rv = ap_get_brigade(conn->client.c->input_filters, conn->in, AP_MODE_READBYTES,
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
    if (!APR_BRIGADE_EMPTY(conn->in) || egm_smtp_tls_begin(conn->client.c) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    egm_smtp_tls_choose_server(conn->client.c);
    settle(conn);
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

    if (!egm_smtp_is_on(c->base_server)) {
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
