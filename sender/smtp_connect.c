/*
 * Connecting: libcurl's own steps from look-up to AUTH, called by its timer and
 * its sockets. Where they stand is read from what goes over the connection.
 */
#include <apr_strings.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/epoll.h>

#include "smtp_conn.h"

/* A TLS handshake has this, or command_timeout where that is less: the mail may go in the clear afterwards. */
#define HANDSHAKE_TIME apr_time_from_sec(30)

/* ---- what libcurl calls ------------------------------------------------------- */

/* A new stage has its time, and its own reply. */
static void enter(egs_smtp_conn *c, egs_stage stage)
{
    c->stage = stage;
    c->deadline = egs_clock() + c->peer->command_timeout;
    c->answered = 0;
    egs_reply_start(&c->reader);
}

/* While libcurl has the connection: later it does not tell. */
static void note_tls(egs_smtp_conn *c)
{
    struct curl_tlssessioninfo *info = NULL;

    if (!c->tls_version && curl_easy_getinfo(c->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->internals) {
        c->tls_version = apr_pstrdup(c->pool, SSL_get_version(info->internals));
        c->tls_cipher = apr_pstrdup(c->pool, SSL_get_cipher_name(info->internals));
    }
}

/*
 * EHLO, or the HELO that libcurl says after any refusal, also after a 421, which ends the connection.
 * What was offered before TLS holds no more inside it (RFC 3207 section 4.2).
 */
static void enter_hello(egs_smtp_conn *c)
{
    c->extensions = 0;
    if (c->stage == EGS_STAGE_EHLO && c->answered) {
        c->refusal = c->reader.reply;
    }
    enter(c, EGS_STAGE_EHLO);
}

static void enter_command(egs_smtp_conn *c, egs_stage stage)
{
    if (stage == EGS_STAGE_EHLO) {
        enter_hello(c);
    }
    else {
        enter(c, stage);
    }
}

/* Commands on their way out: only their first words matter here. */
static int on_debug(CURL *easy, curl_infotype type, char *data, size_t size, void *baton)
{
    static const struct {
        const char *word;
        egs_stage stage;
    } commands[] = {
        { "EHLO", EGS_STAGE_EHLO },
        { "HELO", EGS_STAGE_EHLO },
        { "STARTTLS", EGS_STAGE_STARTTLS },
        { "AUTH", EGS_STAGE_AUTH },
    };

    (void)easy;
    for (size_t i = 0; type == CURLINFO_HEADER_OUT && i < sizeof commands / sizeof *commands; i++) {
        size_t length = strlen(commands[i].word);

        if (size >= length && !memcmp(data, commands[i].word, length)) {
            enter_command(baton, commands[i].stage);
        }
    }
    return 0;
}

/* The server goes on to the TLS handshake, or is in it. */
static int is_handshake(const egs_smtp_conn *c)
{
    return c->stage == EGS_STAGE_STARTTLS && c->answered && c->reader.reply.code < 300;
}

static void take_reply(egs_smtp_conn *c)
{
    c->answered = 1;
    c->refusal.code = 0;
    if (is_handshake(c) && c->peer->command_timeout > HANDSHAKE_TIME) {
        c->deadline = egs_clock() + HANDSHAKE_TIME;
    }
}

/* A line of a reply. To take less than was given ends the connection. */
static size_t on_line(char *data, size_t one, size_t size, void *baton)
{
    egs_smtp_conn *c = baton;
    apr_size_t used = 0;

    if (c->stage == EGS_STAGE_CONNECT) {
        enter(c, EGS_STAGE_GREETING);
    }
    if (c->answered) {
        c->answered = 0;
        egs_reply_start(&c->reader);
    }
    if (c->stage == EGS_STAGE_EHLO) {
        c->extensions |= egs_smtp_extension(data, size);
        note_tls(c);
    }
    switch (egs_reply_read(&c->reader, &used, data, size)) {
    case EGS_REPLY_GARBAGE:
        return 0;
    case EGS_REPLY_DONE:
        take_reply(c);
        break;
    case EGS_REPLY_MORE:
        break;
    }
    return one * size;
}

/* ---- opening ------------------------------------------------------------------- */

/* To this address of the host, whose name is still what a certificate has to be for. */
static void set_address(egs_smtp_conn *c, const egs_smtp_peer *peer)
{
    const char *form = strchr(peer->address, ':') ? "::[%s]:%d" : "::%s:%d";

    c->connect_to = curl_slist_append(NULL, apr_psprintf(c->pool, form, peer->address, peer->port));
    curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
}

static void set_handle(egs_smtp_conn *c, const egs_smtp_peer *peer)
{
    /* Its limit is for all steps together; the deadlines here are for each. */
    long limit = (long)apr_time_as_msec(peer->connect_timeout + 10 * peer->command_timeout);
    int tls = peer->tls != EGS_TLS_NONE && !c->clear;
    CURL *easy = c->easy;

    curl_easy_reset(easy);
    curl_slist_free_all(c->connect_to);
    c->connect_to = NULL;
    curl_easy_setopt(easy, CURLOPT_URL,
                     apr_psprintf(c->pool, "smtp://%s:%d/%s", peer->host, peer->port, peer->helo));
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, limit);
    curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, limit / 1000 + 1);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L); /* or on_debug is not called */
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, c);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
    if (tls) {
        int verified = peer->tls == EGS_TLS_REQUIRED, needed = peer->tls != EGS_TLS_OPPORTUNISTIC;

        /* A password never goes out in the clear unless the operator wants no TLS at all. */
        curl_easy_setopt(easy, CURLOPT_USE_SSL,
                         (long)(needed || peer->user ? CURLUSESSL_ALL : CURLUSESSL_TRY));
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L);
        if (peer->ca_file) {
            curl_easy_setopt(easy, CURLOPT_CAINFO, peer->ca_file);
        }
    }
    if (peer->address) {
        set_address(c, peer);
    }
    if (c->source) {
        egs_smtp_source_set(c);
    }
    if (peer->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, peer->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, peer->password);
    }
}

void egs_smtp_conn_open(egs_smtp_conn *c, egs_job *job, const egs_smtp_peer *peer)
{
    c->job = job;
    c->peer = peer;
    c->state = EGS_CONN_CONNECTING;
    c->key = apr_pstrdup(c->pool, peer->key);
    c->source = apr_pstrdup(c->pool, job->content->source);
    c->source_error = 0;
    c->used = c->reset = 0;
    c->extensions = 0;
    c->refusal.code = 0;
    c->error[0] = '\0';
    enter(c, EGS_STAGE_CONNECT);
    c->deadline = egs_clock() + peer->connect_timeout;
    set_handle(c, peer);
    curl_multi_add_handle(c->multi, c->easy);
    c->attached = 1;
}

void egs_smtp_conn_open_anew(egs_smtp_conn *c)
{
    egs_job *job = c->job;
    const egs_smtp_peer *peer = c->peer;

    egs_smtp_conn_hang_up(c);
    egs_smtp_conn_open(c, job, peer);
}

/* ---- how it ends ---------------------------------------------------------------- */

static int has_connected(const egs_smtp_conn *c)
{
    curl_off_t microseconds = 0;

    return curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &microseconds) == CURLE_OK && microseconds > 0;
}

/* A server that wants nothing of us is for the operator to see: once, not for each mail. */
static void note_refusal(const egs_smtp_conn *c)
{
    const egs_outcome *outcome = &c->job->outcome;

    if (outcome->smtp_code < 500 || c->smtp->refused) {
        return;
    }
    c->smtp->refused = 1;
    eg_log_at(c->smtp->log, EG_LOG_WARN, APR_SUCCESS, EGLOGNO(0360) "%s refuses the sender at %s: %d %s",
              c->peer->host, egs_stage_name(outcome->stage), outcome->smtp_code,
              outcome->text ? outcome->text : "");
}

static void note_welcome(egs_smtp_conn *c)
{
    if (c->smtp->refused) {
        eg_log_at(c->smtp->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0361) "%s takes mails again",
                  c->peer->host);
    }
    c->smtp->refused = 0;
}

/* Where no reply says it: what happened, and what had come of a reply. */
static void set_problem(egs_smtp_conn *c, const char *problem, const egs_reply *reply)
{
    egs_job *job = c->job;

    egs_smtp_conn_set_reply(c, c->stage, reply);
    job->outcome.smtp_code = 0;
    job->outcome.text = reply->text[0] ? apr_psprintf(job->pool, "%s: %s", problem, reply->text)
                                       : apr_pstrdup(job->pool, problem);
}

/* What the server said last, where that was a refusal; NULL: it was none. */
static const egs_reply *last_refusal(const egs_smtp_conn *c)
{
    if (c->answered) {
        return c->reader.reply.code >= 400 ? &c->reader.reply : NULL;
    }
    return c->refusal.code >= 400 ? &c->refusal : NULL;
}

static void fail(egs_smtp_conn *c, const char *problem)
{
    const egs_reply *refusal = last_refusal(c);

    if (c->stage == EGS_STAGE_CONNECT && has_connected(c)) {
        c->stage = EGS_STAGE_GREETING;
    }
    if (!c->answered) {
        egs_reply_give_up(&c->reader);
    }
    c->job->outcome.result = EGS_DEFERRED;
    if (c->source_error && c->stage == EGS_STAGE_CONNECT) {
        egs_smtp_source_fail(c);
    }
    else if (refusal) {
        egs_smtp_conn_set_reply(c, c->stage, refusal);
    }
    else {
        set_problem(c, problem, &c->reader.reply);
    }
    egs_smtp_conn_set_peer(c);
    note_refusal(c);
    egs_smtp_conn_hang_up(c);
    egs_smtp_conn_finish(c);
}

/* @return 1 when a mail can go over it now */
static int connected(egs_smtp_conn *c)
{
    c->fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->fd);
    if (c->fd == CURL_SOCKET_BAD) {
        fail(c, "the connection was closed");
        return 0;
    }
    note_welcome(c);
    c->wants_out = 0;
    egs_smtp_conn_watch(c, c->fd, EPOLLIN);
    return 1;
}

/* Any encryption is better than none, and none better than no mail: RFC 7435. */
static void connect_in_clear(egs_smtp_conn *c)
{
    c->clear = 1;
    egs_smtp_conn_open_anew(c);
}

void egs_smtp_conn_give_up(egs_smtp_conn *c, const char *problem)
{
    if (is_handshake(c) && c->peer->tls == EGS_TLS_OPPORTUNISTIC && !c->peer->user) {
        connect_in_clear(c);
    }
    else {
        fail(c, problem);
    }
}

/* @return 1 when a mail can go over it now */
static int curl_is_done(egs_smtp_conn *c, CURLcode rc)
{
    c->curl_time = 0;
    if (rc == CURLE_OK) {
        return connected(c);
    }
    egs_smtp_conn_give_up(c, c->error[0] ? c->error : curl_easy_strerror(rc));
    return 0;
}

int egs_smtp_conn_drive(egs_smtp_conn *c, curl_socket_t fd, int what)
{
    CURLMsg *message;
    int running, left;

    curl_multi_socket_action(c->multi, fd, what, &running);
    while ((message = curl_multi_info_read(c->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            return curl_is_done(c, message->data.result);
        }
    }
    if (c->stage == EGS_STAGE_CONNECT && has_connected(c)) {
        enter(c, EGS_STAGE_GREETING);
    }
    return 0;
}
