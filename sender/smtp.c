/*
 * Connections to SMTP servers, and the mails that go over them.
 *
 * A conn is one connection. It connects (libcurl's own steps, called by its
 * timer and its sockets), is busy with one mail (a dialogue over
 * curl_easy_send and curl_easy_recv), then idle until the next one or until it
 * has been so for too long. Each has a multi handle of its own: libcurl
 * would take a connection beside it, idle in its eyes, for one to clear away.
 */
#include <apr_strings.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "smtp.h"
#include "smtp_dialogue.h"

#define CONNS_MAX 256
#define IDLE_MAX apr_time_from_sec(10)
#define BODY_RATE 16384  /* bytes a second that a server must at least take */
#define INPUT_SIZE 32768 /* more than a TLS record, so that none stays half-read inside OpenSSL */
#define EVENTS 64

typedef enum { UNUSED, CONNECTING, BUSY, IDLE } conn_state;

typedef struct {
    egs_smtp *smtp;
    int no; /* of smtp->conns */
    conn_state state;
    apr_pool_t *pool; /* cleared when the connection ends */
    CURLM *multi;
    CURL *easy;
    int attached; /* easy is in multi */
    curl_socket_t fd;
    int wants_out;        /* epoll tells when it can be written to */
    apr_time_t curl_time; /* libcurl wants to be called then; 0: no */
    apr_time_t deadline;
    int clear; /* its TLS handshake failed: without TLS this time */
    int used;  /* has carried a mail */
    int reset; /* the last one was refused half-way */
    unsigned extensions;
    const char *key, *tls_version, *tls_cipher;
    egs_stage stage; /* while connecting */
    int answered;    /* reader holds a whole reply */
    egs_reply_reader reader;
    char error[CURL_ERROR_SIZE];
    egs_job *job; /* while connecting or busy */
    const egs_smtp_peer *peer;
    egs_dialogue dialogue;
} conn;

struct egs_smtp {
    const eg_log *log;
    apr_pool_t *pool;
    int epoll;
    conn *conns[CONNS_MAX]; /* made when first needed */
    int count;
    int refused; /* the log has told that connections are */
    egs_jobs finished;
    char input[INPUT_SIZE];
};

/* ---- outcomes ---------------------------------------------------------------- */

static void finish(conn *c)
{
    egs_jobs_add(&c->smtp->finished, c->job);
    c->job = NULL;
    c->peer = NULL;
}

static void set_reply(egs_job *job, egs_stage stage, const egs_reply *reply)
{
    job->outcome.stage = stage;
    job->outcome.smtp_code = reply->code;
    job->outcome.enhanced = reply->enhanced[0] ? apr_pstrdup(job->pool, reply->enhanced) : NULL;
    job->outcome.text = reply->text[0] ? apr_pstrdup(job->pool, reply->text) : NULL;
}

/* Where no reply says it: what happened, and what had come of a reply. */
static void set_problem(egs_job *job, egs_stage stage, const char *problem, const egs_reply *reply)
{
    set_reply(job, stage, reply);
    job->outcome.smtp_code = 0;
    job->outcome.text = reply->text[0] ? apr_psprintf(job->pool, "%s: %s", problem, reply->text)
                                       : apr_pstrdup(job->pool, problem);
}

static void set_peer(conn *c)
{
    c->job->outcome.host = c->peer->host;
    c->job->outcome.tls_version = apr_pstrdup(c->job->pool, c->tls_version);
    c->job->outcome.tls_cipher = apr_pstrdup(c->job->pool, c->tls_cipher);
}

/* A mail that cannot go to anyone in this form: no later try would do better. */
static void refuse_here(egs_job *job, const char *enhanced, const char *text)
{
    job->outcome.result = EGS_BOUNCED;
    job->outcome.enhanced = enhanced;
    job->outcome.text = text;
}

/* ---- epoll ------------------------------------------------------------------- */

/* fd as it is watched for this connection, in place of what was. */
static void watch(const conn *c, curl_socket_t fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)c->no << 32 | (uint32_t)fd };

    if (epoll_ctl(c->smtp->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT) {
        epoll_ctl(c->smtp->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void unwatch(const conn *c, curl_socket_t fd)
{
    struct epoll_event event = { 0 };

    epoll_ctl(c->smtp->epoll, EPOLL_CTL_DEL, fd, &event);
}

/* ---- what libcurl calls ------------------------------------------------------- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *baton, void *unused)
{
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        unwatch(baton, fd);
    }
    else {
        watch(baton, fd, (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0));
    }
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *baton)
{
    conn *c = baton;

    (void)multi;
    c->curl_time = milliseconds < 0 ? 0 : egs_clock() + apr_time_from_msec(milliseconds);
    return 0;
}

/* A new stage has its time, and its own reply. */
static void enter(conn *c, egs_stage stage)
{
    c->stage = stage;
    c->deadline = egs_clock() + c->peer->command_timeout;
    c->answered = 0;
    egs_reply_start(&c->reader);
}

/* While libcurl has the connection: later it does not tell. */
static void note_tls(conn *c)
{
    struct curl_tlssessioninfo *info = NULL;

    if (!c->tls_version && curl_easy_getinfo(c->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
        info->internals) {
        c->tls_version = apr_pstrdup(c->pool, SSL_get_version(info->internals));
        c->tls_cipher = apr_pstrdup(c->pool, SSL_get_cipher_name(info->internals));
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
            enter(baton, commands[i].stage);
        }
    }
    return 0;
}

/* A line of a reply. To take less than was given ends the connection. */
static size_t on_line(char *data, size_t one, size_t size, void *baton)
{
    conn *c = baton;
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
        c->answered = 1;
        break;
    case EGS_REPLY_MORE:
        break;
    }
    return one * size;
}

/* ---- connecting ---------------------------------------------------------------- */

static void hang_up(conn *c)
{
    if (c->fd != CURL_SOCKET_BAD) {
        unwatch(c, c->fd);
    }
    if (c->attached) {
        curl_multi_remove_handle(c->multi, c->easy);
    }
    c->attached = 0;
    c->fd = CURL_SOCKET_BAD;
    c->curl_time = 0;
    c->state = UNUSED;
    c->key = c->tls_version = c->tls_cipher = NULL;
    apr_pool_clear(c->pool);
}

static void set_handle(conn *c, const egs_smtp_peer *peer)
{
    /* Its limit is for all steps together; the deadlines here are for each. */
    long limit = (long)apr_time_as_msec(peer->connect_timeout + 10 * peer->command_timeout);
    int tls = peer->tls != EGS_TLS_NONE && !c->clear;
    CURL *easy = c->easy;

    curl_easy_reset(easy);
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
        int verified = peer->tls == EGS_TLS_REQUIRED;

        /* A password never goes out in the clear unless the operator wants no TLS at all. */
        curl_easy_setopt(easy, CURLOPT_USE_SSL,
                         (long)(verified || peer->user ? CURLUSESSL_ALL : CURLUSESSL_TRY));
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L);
        if (peer->ca_file) {
            curl_easy_setopt(easy, CURLOPT_CAINFO, peer->ca_file);
        }
    }
    if (peer->user) {
        curl_easy_setopt(easy, CURLOPT_USERNAME, peer->user);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, peer->password);
    }
}

/* A new connection for this job. */
static void open_conn(conn *c, egs_job *job, const egs_smtp_peer *peer)
{
    c->job = job;
    c->peer = peer;
    c->state = CONNECTING;
    c->key = apr_pstrdup(c->pool, peer->key);
    c->used = c->reset = 0;
    c->extensions = 0;
    c->error[0] = '\0';
    enter(c, EGS_STAGE_CONNECT);
    c->deadline = egs_clock() + peer->connect_timeout;
    set_handle(c, peer);
    curl_multi_add_handle(c->multi, c->easy);
    c->attached = 1;
}

static int has_connected(const conn *c)
{
    curl_off_t microseconds = 0;

    return curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &microseconds) == CURLE_OK && microseconds > 0;
}

/* A server that wants nothing of us is for the operator to see: once, not for each mail. */
static void note_refusal(const conn *c)
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

static void note_welcome(conn *c)
{
    if (c->smtp->refused) {
        eg_log_at(c->smtp->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0361) "%s takes mails again",
                  c->peer->host);
    }
    c->smtp->refused = 0;
}

static void fail_to_connect(conn *c, const char *problem)
{
    egs_reply *reply = &c->reader.reply;

    if (c->stage == EGS_STAGE_CONNECT && has_connected(c)) {
        c->stage = EGS_STAGE_GREETING;
    }
    if (!c->answered) {
        egs_reply_give_up(&c->reader);
    }
    c->job->outcome.result = EGS_DEFERRED;
    if (c->answered && reply->code >= 400) {
        set_reply(c->job, c->stage, reply);
    }
    else {
        set_problem(c->job, c->stage, problem, reply);
    }
    set_peer(c);
    note_refusal(c);
    hang_up(c);
    finish(c);
}

/* ---- a mail ---------------------------------------------------------------------- */

/* Nothing was said about this mail yet: it may begin again, on a connection of its own. */
static void begin_anew(conn *c)
{
    egs_job *job = c->job;
    const egs_smtp_peer *peer = c->peer;

    hang_up(c);
    open_conn(c, job, peer);
}

static void end_mail(conn *c)
{
    const egs_dialogue *d = &c->dialogue;
    egs_job *job = c->job;

    if (d->failed && c->used && d->stage <= EGS_STAGE_MAIL && (d->broken || d->stage == EGS_STAGE_RSET)) {
        begin_anew(c);
        return;
    }
    set_reply(job, d->stage, &d->reply);
    job->outcome.result = d->failed ? EGS_DEFERRED : EGS_DELIVERED;
    job->outcome.ambiguous = egs_dialogue_ambiguous(d);
    set_peer(c);
    finish(c);
    if (d->broken) {
        hang_up(c);
        return;
    }
    c->reset = d->failed && d->stage < EGS_STAGE_DOT;
    c->used = 1;
    c->state = IDLE;
    c->deadline = egs_clock() + IDLE_MAX;
}

/* The connection is of no more use. */
static void lose(conn *c, const char *problem)
{
    egs_dialogue *d = &c->dialogue;
    int decided = d->failed;

    egs_dialogue_cut(d);
    if (!decided) {
        apr_cpystrn(d->reply.text,
                    d->reply.text[0] ? apr_pstrcat(c->pool, problem, ": ", d->reply.text, NULL) : problem,
                    sizeof d->reply.text);
    }
    end_mail(c);
}

/* Whose lease is over must not say the last word: another may be saying it. */
static int has_lost_lease(const conn *c)
{
    return egs_dialogue_at_body(&c->dialogue) && egs_clock() >= c->job->lease_end;
}

static void give_way(conn *c)
{
    c->job->outcome.result = EGS_RELEASED;
    hang_up(c);
    finish(c);
}

static void set_deadline(conn *c, egs_stage awaited, egs_stage written)
{
    const egs_dialogue *d = &c->dialogue;

    if (d->awaited == awaited && d->written == written) {
        return;
    }
    c->deadline = egs_clock();
    if (d->awaited != EGS_STAGE_DOT) {
        c->deadline += c->peer->command_timeout;
    }
    else if (d->written == EGS_STAGE_DOT) {
        c->deadline += c->peer->final_timeout;
    }
    else {
        c->deadline += c->peer->command_timeout + apr_time_from_sec(c->job->message.size / BODY_RATE);
    }
}

/* @return 0 when the mail is over */
static int send_output(conn *c)
{
    egs_stage awaited = c->dialogue.awaited, written = c->dialogue.written;
    const char *data;
    apr_size_t size;
    CURLcode rc = CURLE_OK;

    for (;;) {
        size_t sent = 0;

        if (has_lost_lease(c)) {
            give_way(c);
            return 0;
        }
        data = egs_dialogue_output(&c->dialogue, &size);
        if (!data) {
            break;
        }
        rc = curl_easy_send(c->easy, data, size, &sent);
        if (rc != CURLE_OK) {
            break;
        }
        egs_dialogue_sent(&c->dialogue, sent);
    }
    if (rc != CURLE_OK && rc != CURLE_AGAIN) {
        lose(c, "the connection was lost while sending");
        return 0;
    }
    if ((rc == CURLE_AGAIN) != c->wants_out) {
        c->wants_out = rc == CURLE_AGAIN;
        watch(c, c->fd, EPOLLIN | (c->wants_out ? EPOLLOUT : 0));
    }
    set_deadline(c, awaited, written);
    return 1;
}

/* @return 0 when the mail is over */
static int receive(conn *c)
{
    egs_stage awaited = c->dialogue.awaited, written = c->dialogue.written;
    size_t size = 0;
    CURLcode rc = curl_easy_recv(c->easy, c->smtp->input, sizeof c->smtp->input, &size);

    if (rc == CURLE_AGAIN) {
        return 1;
    }
    if (rc != CURLE_OK || size == 0) {
        lose(c, "the connection was closed");
        return 0;
    }
    egs_dialogue_input(&c->dialogue, c->smtp->input, size);
    if (c->dialogue.over) {
        end_mail(c);
        return 0;
    }
    set_deadline(c, awaited, written);
    return 1;
}

static void start_mail(conn *c)
{
    c->state = BUSY;
    c->deadline = egs_clock() + c->peer->command_timeout;
    if (egs_dialogue_start(&c->dialogue, c->job, c->extensions, c->reset) != APR_SUCCESS) {
        refuse_here(c->job, "5.6.7", "the server takes no internationalized addresses (SMTPUTF8)");
        set_peer(c);
        finish(c);
        c->state = IDLE;
        c->deadline = egs_clock() + IDLE_MAX;
        return;
    }
    send_output(c);
}

static void connected(conn *c)
{
    c->fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->fd);
    if (c->fd == CURL_SOCKET_BAD) {
        fail_to_connect(c, "the connection was closed");
        return;
    }
    note_welcome(c);
    c->wants_out = 0;
    watch(c, c->fd, EPOLLIN);
    start_mail(c);
}

static int is_tls_failure(const conn *c, CURLcode rc)
{
    return c->stage == EGS_STAGE_STARTTLS && c->answered && c->reader.reply.code < 300 && rc != CURLE_OK;
}

/* Any encryption is better than none, and none better than no mail: RFC 7435. */
static void connect_in_clear(conn *c)
{
    c->clear = 1;
    begin_anew(c);
}

static void curl_is_done(conn *c, CURLcode rc)
{
    c->curl_time = 0;
    if (rc == CURLE_OK) {
        connected(c);
    }
    else if (is_tls_failure(c, rc) && c->peer->tls == EGS_TLS_OPPORTUNISTIC && !c->peer->user) {
        connect_in_clear(c);
    }
    else {
        fail_to_connect(c, c->error[0] ? c->error : curl_easy_strerror(rc));
    }
}

static void drive(conn *c, curl_socket_t fd, int what)
{
    CURLMsg *message;
    int running, left;

    curl_multi_socket_action(c->multi, fd, what, &running);
    while ((message = curl_multi_info_read(c->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            curl_is_done(c, message->data.result);
            return;
        }
    }
    if (c->stage == EGS_STAGE_CONNECT && has_connected(c)) {
        enter(c, EGS_STAGE_GREETING);
    }
}

/* ---- time and events -------------------------------------------------------------- */

/* Not waiting for the answer: it would tell nothing. */
static void quit(conn *c)
{
    size_t sent;

    curl_easy_send(c->easy, "QUIT\r\n", 6, &sent);
    hang_up(c);
}

static void time_is_up(conn *c)
{
    switch (c->state) {
    case UNUSED:
        return;
    case CONNECTING:
        fail_to_connect(c, "no answer in time");
        return;
    case BUSY:
        lose(c, "no answer in time");
        return;
    case IDLE:
        quit(c);
        return;
    }
}

static void check_times(egs_smtp *smtp)
{
    apr_time_t now = egs_clock();

    for (int i = 0; i < smtp->count; i++) {
        conn *c = smtp->conns[i];

        if (c->state == CONNECTING && c->curl_time && now >= c->curl_time) {
            c->curl_time = 0;
            drive(c, CURL_SOCKET_TIMEOUT, 0);
        }
        if (c->state != UNUSED && now >= c->deadline) {
            time_is_up(c);
        }
    }
}

static void take_event(egs_smtp *smtp, const struct epoll_event *event)
{
    conn *c = smtp->conns[event->data.u64 >> 32];
    curl_socket_t fd = (curl_socket_t)(event->data.u64 & 0xFFFFFFFF);

    switch (c->state) {
    case CONNECTING:
        drive(c, fd,
              (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                  (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                  (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
        return;
    case BUSY:
        if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !receive(c)) {
            return;
        }
        send_output(c);
        return;
    case IDLE: /* an end, or a 421 */
        hang_up(c);
        return;
    case UNUSED:
        return;
    }
}

/* How long epoll may wait, in milliseconds. */
static int shortest(const egs_smtp *smtp, apr_interval_time_t wait)
{
    apr_time_t now = egs_clock(), until = now + wait;

    if (smtp->finished.first) {
        return 0;
    }
    for (int i = 0; i < smtp->count; i++) {
        const conn *c = smtp->conns[i];

        if (c->state != UNUSED && c->deadline < until) {
            until = c->deadline;
        }
        if (c->state == CONNECTING && c->curl_time && c->curl_time < until) {
            until = c->curl_time;
        }
    }
    return until <= now ? 0 : (int)((until - now + 999) / 1000);
}

void egs_smtp_work(egs_smtp *smtp, apr_interval_time_t wait)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(smtp->epoll, events, EVENTS, shortest(smtp, wait));

    for (int i = 0; i < count; i++) {
        take_event(smtp, &events[i]);
    }
    check_times(smtp);
}

/* ---- conns -------------------------------------------------------------------------- */

static apr_status_t drop_conn(void *baton)
{
    conn *c = baton;

    if (c->state == IDLE) {
        quit(c);
    }
    if (c->attached) {
        curl_multi_remove_handle(c->multi, c->easy);
    }
    curl_easy_cleanup(c->easy);
    curl_multi_cleanup(c->multi);
    return APR_SUCCESS;
}

static conn *make_conn(egs_smtp *smtp)
{
    conn *c = apr_pcalloc(smtp->pool, sizeof *c);

    if (apr_pool_create(&c->pool, smtp->pool) != APR_SUCCESS) {
        return NULL;
    }
    c->smtp = smtp;
    c->no = smtp->count;
    c->fd = CURL_SOCKET_BAD;
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    /* Before the pools below smtp->pool go, which hold what the connection needs. */
    apr_pool_pre_cleanup_register(smtp->pool, c, drop_conn);
    if (!c->multi || !c->easy) {
        return NULL;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    smtp->conns[smtp->count++] = c;
    return c;
}

/* An idle connection to this peer, the one used last; that one stays alive, and the others end. */
static conn *find_idle(const egs_smtp *smtp, const egs_smtp_peer *peer)
{
    conn *found = NULL;

    for (int i = 0; i < smtp->count; i++) {
        conn *c = smtp->conns[i];

        if (c->state == IDLE && !strcmp(c->key, peer->key) && (!found || c->deadline > found->deadline)) {
            found = c;
        }
    }
    return found;
}

/* One without a connection, if need be that of another peer which is idle longest. */
static conn *find_unused(egs_smtp *smtp)
{
    conn *oldest = NULL;

    for (int i = 0; i < smtp->count; i++) {
        conn *c = smtp->conns[i];

        if (c->state == UNUSED) {
            return c;
        }
        if (c->state == IDLE && (!oldest || c->deadline < oldest->deadline)) {
            oldest = c;
        }
    }
    if (smtp->count < CONNS_MAX) {
        return make_conn(smtp);
    }
    if (oldest) {
        quit(oldest);
    }
    return oldest;
}

static apr_status_t close_all(void *baton)
{
    const egs_smtp *smtp = baton;

    close(smtp->epoll);
    curl_global_cleanup();
    return APR_SUCCESS;
}

apr_status_t egs_smtp_open(egs_smtp **smtp, const eg_log *log, apr_pool_t *pool)
{
    egs_smtp *made = apr_pcalloc(pool, sizeof *made);

    made->log = log;
    made->pool = pool;
    made->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll < 0) {
        return errno;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        close(made->epoll);
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pool, made, close_all, apr_pool_cleanup_null);
    *smtp = made;
    return APR_SUCCESS;
}

int egs_smtp_room(const egs_smtp *smtp, const egs_smtp_peer *peer)
{
    int room = peer->connections;

    for (int i = 0; i < smtp->count; i++) {
        const conn *c = smtp->conns[i];

        room -= (c->state == CONNECTING || c->state == BUSY) && !strcmp(c->key, peer->key);
    }
    return room;
}

void egs_smtp_begin(egs_smtp *smtp, egs_job *job, const egs_smtp_peer *peer)
{
    conn *c;

    if (!egs_smtp_address_safe(job->recipient) || !egs_smtp_address_safe(job->return_path)) {
        refuse_here(job, "5.1.3", "this address cannot be given to a mail server");
        egs_jobs_add(&smtp->finished, job);
        return;
    }
    c = find_idle(smtp, peer);
    if (c) {
        c->job = job;
        c->peer = peer;
        start_mail(c);
        return;
    }
    c = find_unused(smtp);
    if (!c) {
        egs_jobs_add(&smtp->finished, job);
        return;
    }
    c->clear = 0;
    open_conn(c, job, peer);
}

egs_job *egs_smtp_finished(egs_smtp *smtp)
{
    return egs_jobs_take(&smtp->finished);
}
