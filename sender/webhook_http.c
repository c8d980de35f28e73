/*
 * Posts in the hands of libcurl (multi, driven by epoll).
 */
#include <apr_strings.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "job.h"
#include "netaddr.h"
#include "webhook_http.h"

#define USER_AGENT "mod_emailgw-webhooks/1"
#define CONNECT_MAX apr_time_from_sec(3)
#define NAME_KEPT 10L          /* seconds that what DNS said of a receiver holds: it may move */
#define ANSWER_MAX (64 * 1024) /* bytes of an answer, header and body, that are read */
#define SENT_MAX 2             /* times that one post is sent: see may_send */
#define EVENTS 64              /* that are taken from the kernel at once */

/* The lines that differ come first. */
enum { HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE, HEADER_TYPE, HEADER_ACCEPT, HEADER_EXPECT, HEADERS };

/** A handle of libcurl with the post that it carries. Made once, used again and again. */
typedef struct transfer {
    egs_http *http;
    CURL *easy;
    int generation; /* of the options that it is set to */
    struct curl_slist headers[HEADERS];
    egs_post *post;
    apr_size_t read;     /* bytes of the answer */
    int sent;            /* times that the request was, on one connection or another */
    int cut;             /* there was more of the answer */
    const char *problem; /* why we ended it, or NULL */
    char error[CURL_ERROR_SIZE];
} transfer;

struct egs_http {
    apr_pool_t *pool;
    CURLM *multi;
    int epoll, event;
    apr_time_t due; /* libcurl wants to be called then; 0: no */
    egs_signer *signer;
    const egs_options *options;
    int generation;           /* grows with each change of them */
    apr_array_header_t *idle; /* of transfer * */
    egs_post *failed;         /* those that could not begin */
};

/* ---- where posts may go ------------------------------------------------------------------------- */

static int is_allowed(const transfer *t, const eg_netaddr *addr)
{
    return (eg_netaddr_is_public(addr) && eg_netaddr_is_web_port(addr->port)) ||
           eg_netaddr_in(t->http->options->webhook_allow, addr);
}

static curl_socket_t open_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *address)
{
    transfer *t = baton;
    eg_netaddr addr;

    (void)purpose;
    if (eg_netaddr_of_socket(&addr, &address->addr) != APR_SUCCESS || !is_allowed(t, &addr)) {
        t->problem = "the address is not allowed";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/*
 * A connection is there and the request about to be sent. One that was kept may have
 * been made when another address was allowed. It may also be closed by the receiver
 * while we use it: then libcurl sends the request on the next one that was kept. Once
 * is enough.
 */
static int may_send(void *baton, char *remote, char *local, int remote_port, int local_port)
{
    transfer *t = baton;
    eg_netaddr addr;

    (void)local;
    (void)local_port;
    if (eg_netaddr_parse(&addr, remote, remote_port) != APR_SUCCESS || !is_allowed(t, &addr)) {
        t->problem = "the address is not allowed";
        return CURL_PREREQFUNC_ABORT;
    }
    if (t->sent++ == SENT_MAX) {
        t->problem = "the connection was closed twice";
        return CURL_PREREQFUNC_ABORT;
    }
    t->problem = NULL; /* of several addresses this one is allowed */
    return CURL_PREREQFUNC_OK;
}

/* ---- what comes back ---------------------------------------------------------------------------- */

/* It is counted and forgotten. */
static size_t swallow(char *data, size_t size, size_t count, void *baton)
{
    transfer *t = baton;

    (void)data;
    t->read += size * count;
    t->cut = t->read > ANSWER_MAX;
    return t->cut ? 0 : size * count;
}

static size_t swallow_header(char *data, size_t size, size_t count, void *baton)
{
    transfer *t = baton;
    size_t taken = swallow(data, size, count, baton);

    if (t->cut) {
        t->problem = "the header of the answer is too long";
    }
    return taken;
}

/*
 * An answer whose body is longer than we read counts by its status; one that did not
 * come to its end in time does not.
 */
static void read_answer(egs_answer *answer, const transfer *t, CURLcode code, apr_pool_t *pool)
{
    long status = 0;
    curl_off_t retry_after = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer->status = (int)status;
    answer->retry_after = (int)(retry_after < APR_INT32_MAX ? retry_after : APR_INT32_MAX);
    if (t->problem) {
        answer->error = t->problem;
    }
    else if (code == CURLE_PEER_FAILED_VERIFICATION && t->error[0]) {
        answer->error = apr_pstrdup(pool, t->error); /* what is wrong with the certificate */
    }
    else if (code != CURLE_OK && !(t->cut && status >= 200)) {
        answer->error = curl_easy_strerror(code);
    }
}

/* ---- a handle ------------------------------------------------------------------------------------ */

static apr_status_t free_easy(void *easy)
{
    curl_easy_cleanup(easy);
    return APR_SUCCESS;
}

static transfer *make_transfer(egs_http *http)
{
    transfer *t = apr_pcalloc(http->pool, sizeof *t);

    t->http = http;
    t->easy = curl_easy_init();
    if (!t->easy) {
        return NULL;
    }
    apr_pool_cleanup_register(http->pool, t->easy, free_easy, apr_pool_cleanup_null);
    t->headers[HEADER_TYPE].data = (char *)"Content-Type: application/json";
    t->headers[HEADER_ACCEPT].data = (char *)"Accept:";
    t->headers[HEADER_EXPECT].data = (char *)"Expect:";
    for (int i = 0; i + 1 < HEADERS; i++) {
        t->headers[i].next = &t->headers[i + 1];
    }
    return t;
}

/* Whatever a receiver, its DNS or the environment say: straight to the address, no further. */
static void set_bounds(CURL *easy, const egs_options *options)
{
    apr_interval_time_t connect =
        options->webhook_timeout < CONNECT_MAX ? options->webhook_timeout : CONNECT_MAX;

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, NAME_KEPT);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                     1L); /* else a hanging look-up would hold up the whole thread */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)apr_time_as_msec(connect));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(options->webhook_timeout));
    if (options->webhook_ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->webhook_ca_file); /* the system's folder stays */
    }
}

static void set_callbacks(transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, may_send);
    curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, swallow_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
}

/* What stays the same from post to post is set once, until the options change. */
static transfer *take_transfer(egs_http *http)
{
    transfer **used = apr_array_pop(http->idle), *t = used ? *used : make_transfer(http);

    if (t && t->generation != http->generation) {
        curl_easy_reset(t->easy);
        set_bounds(t->easy, http->options);
        set_callbacks(t);
        t->generation = http->generation;
    }
    return t;
}

/* ---- one post ------------------------------------------------------------------------------------ */

static void set_headers(transfer *t, const egs_post *post)
{
    const char *now = apr_psprintf(post->pool, "%" APR_TIME_T_FMT, apr_time_sec(apr_time_now()));

    t->headers[HEADER_ID].data = apr_pstrcat(post->pool, "webhook-id: ", post->id, NULL);
    t->headers[HEADER_TIMESTAMP].data = apr_pstrcat(post->pool, "webhook-timestamp: ", now, NULL);
    t->headers[HEADER_SIGNATURE].data = apr_pstrcat(
        post->pool, "webhook-signature: ", egs_webhook_signatures(t->http->signer, post, now), NULL);
}

void egs_http_begin(egs_http *http, egs_post *post)
{
    transfer *t = take_transfer(http);

    if (!t) {
        post->answer = (egs_answer){ .status = EGS_UNABLE, .error = "out of memory" };
        post->next = http->failed;
        http->failed = post;
        return;
    }
    t->post = post;
    t->read = 0;
    t->sent = t->cut = 0;
    t->problem = NULL;
    t->error[0] = '\0';
    set_headers(t, post);
    curl_easy_setopt(t->easy, CURLOPT_URL, post->url);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(post->body));
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, post->body);
    curl_multi_add_handle(http->multi, t->easy);
}

egs_post *egs_http_finished(egs_http *http)
{
    egs_post *post = http->failed;
    CURLMsg *message;
    CURLcode code;
    transfer *t;
    int left;

    if (post) {
        http->failed = post->next;
        return post;
    }
    do {
        message = curl_multi_info_read(http->multi, &left);
    } while (message && message->msg != CURLMSG_DONE);
    if (!message) {
        return NULL;
    }
    code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    curl_multi_remove_handle(http->multi, t->easy);
    post = t->post;
    read_answer(&post->answer, t, code, post->pool);
    t->post = NULL;
    APR_ARRAY_PUSH(http->idle, transfer *) = t;
    return post;
}

/* ---- all of them --------------------------------------------------------------------------------- */

void egs_http_use(egs_http *http, const egs_options *options)
{
    http->options = options;
    http->generation++;
    /* Those that are kept, beside those in use: a receiver's next post finds one. */
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 2L * options->webhook_connections);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *baton, void *known)
{
    egs_http *http = baton;
    struct epoll_event event = { .data.fd = fd };

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, &event); /* gone already where it was closed */
        return 0;
    }
    event.events =
        (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0);
    epoll_ctl(http->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(http->multi, fd, http);
    return 0;
}

static int set_due(CURLM *multi, long milliseconds, void *baton)
{
    egs_http *http = baton;

    (void)multi;
    http->due = milliseconds < 0 ? 0 : egs_clock() + apr_time_from_msec(milliseconds);
    return 0;
}

/* Rounded up: to be called too early is to be called twice. */
static int wait_milliseconds(const egs_http *http, apr_interval_time_t wait)
{
    if (http->due) {
        apr_interval_time_t left = http->due - egs_clock();

        wait = left < wait ? left : wait;
    }
    return wait > 0 ? (int)((wait + 999) / 1000) : 0;
}

static void go_on(egs_http *http, const struct epoll_event *event)
{
    unsigned events = event->events;
    int running, mask = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

    if (event->data.fd == http->event) {
        eventfd_t count;

        eventfd_read(http->event, &count);
        return;
    }
    curl_multi_socket_action(http->multi, event->data.fd, mask, &running);
}

void egs_http_work(egs_http *http, apr_interval_time_t wait)
{
    struct epoll_event events[EVENTS];
    int running, count = epoll_wait(http->epoll, events, EVENTS, wait_milliseconds(http, wait));

    for (int i = 0; i < count; i++) {
        go_on(http, &events[i]);
    }
    if (http->due && egs_clock() >= http->due) {
        http->due = 0;
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void egs_http_wake(void *http)
{
    eventfd_write(((egs_http *)http)->event, 1);
}

static apr_status_t close_http(void *baton)
{
    egs_http *http = baton;

    if (http->multi) {
        curl_multi_cleanup(http->multi);
    }
    curl_global_cleanup();
    close(http->event);
    close(http->epoll);
    return APR_SUCCESS;
}

apr_status_t egs_http_open(egs_http **http, apr_pool_t *pool)
{
    egs_http *made = apr_pcalloc(pool, sizeof *made);
    struct epoll_event event = { .events = EPOLLIN };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    made->pool = pool;
    made->idle = apr_array_make(pool, 64, sizeof(transfer *));
    made->signer = egs_webhook_signer(pool);
    made->epoll = epoll_create1(EPOLL_CLOEXEC);
    made->event = event.data.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    made->multi = curl_multi_init();
    apr_pool_cleanup_register(pool, made, close_http, apr_pool_cleanup_null);
    if (!made->signer || !made->multi || epoll_ctl(made->epoll, EPOLL_CTL_ADD, made->event, &event) != 0) {
        return APR_EGENERAL;
    }
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(made->multi, CURLMOPT_SOCKETDATA, made);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERFUNCTION, set_due);
    curl_multi_setopt(made->multi, CURLMOPT_TIMERDATA, made);
    *http = made;
    return APR_SUCCESS;
}
