/* A connection made, watched and ended, and what it tells of its mail. */
#include <apr_strings.h>
#include <errno.h>
#include <sys/epoll.h>

#include "smtp_conn.h"

/* ---- outcomes ---------------------------------------------------------------- */

void egs_smtp_conn_finish(egs_smtp_conn *c)
{
    egs_jobs_add(&c->smtp->finished, c->job);
    c->job = NULL;
    c->peer = NULL;
}

void egs_smtp_conn_set_reply(egs_smtp_conn *c, egs_stage stage, const egs_reply *reply)
{
    egs_job *job = c->job;

    job->outcome.stage = stage;
    job->outcome.smtp_code = reply->code;
    job->outcome.enhanced = reply->enhanced[0] ? apr_pstrdup(job->pool, reply->enhanced) : NULL;
    job->outcome.text = reply->text[0] ? apr_pstrdup(job->pool, reply->text) : NULL;
}

void egs_smtp_conn_set_peer(egs_smtp_conn *c)
{
    c->job->outcome.host = c->peer->host;
    c->job->outcome.tls_version = apr_pstrdup(c->job->pool, c->tls_version);
    c->job->outcome.tls_cipher = apr_pstrdup(c->job->pool, c->tls_cipher);
}

void egs_smtp_conn_refuse(egs_job *job, const char *enhanced, const char *text)
{
    job->outcome.result = EGS_BOUNCED;
    job->outcome.enhanced = enhanced;
    job->outcome.text = text;
}

/* ---- epoll ------------------------------------------------------------------- */

void egs_smtp_conn_watch(const egs_smtp_conn *c, curl_socket_t fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t)c->no << 32 | (uint32_t)fd };

    if (epoll_ctl(c->smtp->epoll, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT) {
        epoll_ctl(c->smtp->epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void unwatch(const egs_smtp_conn *c, curl_socket_t fd)
{
    struct epoll_event event = { 0 };

    epoll_ctl(c->smtp->epoll, EPOLL_CTL_DEL, fd, &event);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *baton, void *unused)
{
    (void)easy;
    (void)unused;
    if (what == CURL_POLL_REMOVE) {
        unwatch(baton, fd);
    }
    else {
        egs_smtp_conn_watch(baton, fd,
                            (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0));
    }
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *baton)
{
    egs_smtp_conn *c = baton;

    (void)multi;
    c->curl_time = milliseconds < 0 ? 0 : egs_clock() + apr_time_from_msec(milliseconds);
    return 0;
}

/* ---- beginning and end --------------------------------------------------------- */

void egs_smtp_conn_hang_up(egs_smtp_conn *c)
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
    c->state = EGS_CONN_UNUSED;
    c->key = c->tls_version = c->tls_cipher = c->source = NULL;
    apr_pool_clear(c->pool);
}

void egs_smtp_conn_quit(egs_smtp_conn *c)
{
    size_t sent;

    curl_easy_send(c->easy, "QUIT\r\n", 6, &sent);
    egs_smtp_conn_hang_up(c);
}

static apr_status_t drop_conn(void *baton)
{
    egs_smtp_conn *c = baton;

    if (c->state == EGS_CONN_IDLE) {
        egs_smtp_conn_quit(c);
    }
    if (c->attached) {
        curl_multi_remove_handle(c->multi, c->easy);
    }
    curl_easy_cleanup(c->easy);
    curl_slist_free_all(c->connect_to);
    curl_multi_cleanup(c->multi);
    return APR_SUCCESS;
}

egs_smtp_conn *egs_smtp_conn_make(egs_smtp *smtp)
{
    egs_smtp_conn *c = apr_pcalloc(smtp->pool, sizeof *c);

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
