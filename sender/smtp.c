/*
 * The connections of one thread: which serves a mail, and whose turn it is.
 *
 * A connection is opened (smtp_connect), busy with one mail (smtp_mail), then
 * idle until the next one or until it has been so for too long.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "smtp.h"
#include "smtp_conn.h"

#define EVENTS 64
#define WATCHED UINT64_MAX /* an event of no connection */

/* ---- time and events -------------------------------------------------------------- */

static void drive(egs_smtp_conn *c, curl_socket_t fd, int what)
{
    if (egs_smtp_conn_drive(c, fd, what)) {
        egs_smtp_conn_start_mail(c);
    }
}

static void time_is_up(egs_smtp_conn *c)
{
    switch (c->state) {
    case EGS_CONN_UNUSED:
        return;
    case EGS_CONN_CONNECTING:
        egs_smtp_conn_give_up(c, "no answer in time");
        return;
    case EGS_CONN_BUSY:
        egs_smtp_conn_lose(c, "no answer in time");
        return;
    case EGS_CONN_IDLE:
        egs_smtp_conn_quit(c);
        return;
    }
}

static void check_times(egs_smtp *smtp)
{
    apr_time_t now = egs_clock();

    for (int i = 0; i < smtp->count; i++) {
        egs_smtp_conn *c = smtp->conns[i];

        if (c->state == EGS_CONN_CONNECTING && c->curl_time && now >= c->curl_time) {
            c->curl_time = 0;
            drive(c, CURL_SOCKET_TIMEOUT, 0);
        }
        if (c->state != EGS_CONN_UNUSED && now >= c->deadline) {
            time_is_up(c);
        }
    }
}

static void take_event(egs_smtp *smtp, const struct epoll_event *event)
{
    egs_smtp_conn *c = smtp->conns[event->data.u64 >> 32];
    curl_socket_t fd = (curl_socket_t)(event->data.u64 & 0xFFFFFFFF);

    switch (c->state) {
    case EGS_CONN_CONNECTING:
        drive(c, fd,
              (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                  (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                  (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
        return;
    case EGS_CONN_BUSY:
        egs_smtp_conn_go_on(c, (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0);
        return;
    case EGS_CONN_IDLE: /* an end, or a 421 */
        egs_smtp_conn_hang_up(c);
        return;
    case EGS_CONN_UNUSED:
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
        const egs_smtp_conn *c = smtp->conns[i];

        if (c->state != EGS_CONN_UNUSED && c->deadline < until) {
            until = c->deadline;
        }
        if (c->state == EGS_CONN_CONNECTING && c->curl_time && c->curl_time < until) {
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
        if (events[i].data.u64 != WATCHED) {
            take_event(smtp, &events[i]);
        }
    }
    check_times(smtp);
}

apr_status_t egs_smtp_watch(egs_smtp *smtp, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = WATCHED };

    return epoll_ctl(smtp->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? APR_SUCCESS : errno;
}

/* ---- which connection --------------------------------------------------------------- */

static int is_from(const egs_smtp_conn *c, const char *source)
{
    return c->source && source ? !strcmp(c->source, source) : !c->source && !source;
}

/* An idle connection to this peer from this source, the one used last; that one stays alive, and the others end. */
static egs_smtp_conn *find_idle(const egs_smtp *smtp, const egs_smtp_peer *peer, const char *source)
{
    egs_smtp_conn *found = NULL;

    for (int i = 0; i < smtp->count; i++) {
        egs_smtp_conn *c = smtp->conns[i];

        if (c->state == EGS_CONN_IDLE && !strcmp(c->key, peer->key) && is_from(c, source) &&
            (!found || c->deadline > found->deadline)) {
            found = c;
        }
    }
    return found;
}

int egs_smtp_has_idle(const egs_smtp *smtp, const egs_smtp_peer *peer, const char *source)
{
    return find_idle(smtp, peer, source) != NULL;
}

/* The connection of this key, or of any with NULL, that is idle longest; ended. NULL: there is none. */
static egs_smtp_conn *end_oldest(const egs_smtp *smtp, const char *key)
{
    egs_smtp_conn *oldest = NULL;

    for (int i = 0; i < smtp->count; i++) {
        egs_smtp_conn *c = smtp->conns[i];

        if (c->state == EGS_CONN_IDLE && (!key || !strcmp(c->key, key)) &&
            (!oldest || c->deadline < oldest->deadline)) {
            oldest = c;
        }
    }
    if (oldest) {
        egs_smtp_conn_quit(oldest);
    }
    return oldest;
}

/* The peer counts idle connections, too, and those from another source are of no use to this mail. */
static void keep_to_limit(const egs_smtp *smtp, const egs_smtp_peer *peer)
{
    int open = 0;

    for (int i = 0; i < smtp->count; i++) {
        const egs_smtp_conn *c = smtp->conns[i];

        open += c->state != EGS_CONN_UNUSED && !strcmp(c->key, peer->key);
    }
    if (peer->connections && open >= peer->connections) {
        end_oldest(smtp, peer->key);
    }
}

/* One without a connection, if need be that of another peer which is idle longest. */
static egs_smtp_conn *find_unused(egs_smtp *smtp)
{
    for (int i = 0; i < smtp->count; i++) {
        if (smtp->conns[i]->state == EGS_CONN_UNUSED) {
            return smtp->conns[i];
        }
    }
    return smtp->count < EGS_CONNS_MAX ? egs_smtp_conn_make(smtp) : end_oldest(smtp, NULL);
}

int egs_smtp_room(const egs_smtp *smtp, const egs_smtp_peer *peer)
{
    int room = peer->connections;

    for (int i = 0; i < smtp->count; i++) {
        const egs_smtp_conn *c = smtp->conns[i];

        room -= (c->state == EGS_CONN_CONNECTING || c->state == EGS_CONN_BUSY) && !strcmp(c->key, peer->key);
    }
    return room;
}

void egs_smtp_begin(egs_smtp *smtp, egs_job *job, const egs_smtp_peer *peer)
{
    egs_smtp_conn *c;

    if (!egs_smtp_address_safe(job->recipient) || !egs_smtp_address_safe(job->return_path)) {
        egs_smtp_conn_refuse(job, "5.1.3", "this address cannot be given to a mail server");
        egs_jobs_add(&smtp->finished, job);
        return;
    }
    c = find_idle(smtp, peer, job->content->source);
    if (c) {
        c->job = job;
        c->peer = peer;
        egs_smtp_conn_start_mail(c);
        return;
    }
    keep_to_limit(smtp, peer);
    c = find_unused(smtp);
    if (!c) {
        egs_jobs_add(&smtp->finished, job);
        return;
    }
    c->clear = 0;
    egs_smtp_conn_open(c, job, peer);
}

egs_job *egs_smtp_finished(egs_smtp *smtp)
{
    return egs_jobs_take(&smtp->finished);
}

/* ---- all of them -------------------------------------------------------------------- */

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
    made->sources = apr_hash_make(pool);
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
