/*
 * The thread that posts webhooks (libcurl multi). A receiver's address is judged
 * where the socket is made, so that no name, however it resolves and whenever,
 * leads to what is not public.
 */
#include <apr_strings.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "netaddr.h"
#include "webhook.h"
#include "webhook_lanes.h"

#define USER_AGENT "mod_emailgw-webhooks/1"
#define CONNECT_MAX apr_time_from_sec(3)
#define ANSWER_MAX (64 * 1024)              /* bytes of an answer, header and body, that are read */
#define HELD_FACTOR 2                       /* posts in hand for each connection */
#define RECORD_COUNT 100                    /* results that are recorded at once ... */
#define RECORD_AFTER apr_time_from_msec(20) /* ... or after the first has waited so long */
#define BACKOFF_FIRST apr_time_from_msec(100)
#define BACKOFF_MAX apr_time_from_sec(5)
#define LAST_WORDS apr_time_from_sec(10) /* for recording after the sender was told to stop */

typedef struct {
    egs_control *control;
    apr_pool_t *pool;  /* the thread's */
    apr_pool_t *batch; /* cleared after each call of the database */
    eg_log log;
    eg_db *db;
    CURLM *multi;
    apr_array_header_t *idle;    /* of CURL *: to be used again */
    apr_array_header_t *results; /* of egs_post *: to be recorded */
    apr_time_t results_since;    /* when the first of them ended */
    apr_time_t record_at;        /* not before this, while the database is away */
    apr_time_t claim_at;         /* nothing was due: not before this */
    apr_interval_time_t backoff; /* 0 while the database answers */
    apr_int64_t cursor;
    egs_lanes *lanes;
    egs_settings *settings; /* of this round */
} poster;

/** One post in the hands of libcurl. */
typedef struct {
    egs_post *post;
    egs_settings *settings; /* as when it began */
    struct curl_slist *headers;
    apr_size_t sent;     /* bytes of the body */
    apr_size_t read;     /* bytes of the answer */
    int repeated;        /* the body was begun anew, on another connection */
    int cut;             /* there was more of the answer */
    const char *problem; /* why we ended it, or NULL */
} transfer;

/* Intervals are measured by the clock that nobody sets. */
static apr_time_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

/* ---- libcurl's callbacks ----------------------------------------------------------------------- */

static curl_socket_t open_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *address)
{
    transfer *t = baton;
    eg_netaddr addr;

    (void)purpose;
    if (eg_netaddr_of_socket(&addr, &address->addr) != APR_SUCCESS ||
        (!(eg_netaddr_is_public(&addr) && eg_netaddr_is_web_port(addr.port)) &&
         !eg_netaddr_in(t->settings->options->webhook_allow, &addr))) {
        t->problem = "the address is not allowed";
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t give_body(char *data, size_t size, size_t count, void *baton)
{
    transfer *t = baton;
    apr_size_t left = strlen(t->post->body) - t->sent, length = size * count < left ? size * count : left;

    memcpy(data, t->post->body + t->sent, length);
    t->sent += length;
    return length;
}

/*
 * A connection that was kept may be closed by the receiver while we use it: then
 * libcurl sends the request on the next one that was kept. Once is enough.
 */
static int repeat_body(void *baton, curl_off_t offset, int origin)
{
    transfer *t = baton;

    if (t->repeated++ || offset != 0 || origin != SEEK_SET) {
        return CURL_SEEKFUNC_FAIL;
    }
    t->sent = 0;
    return CURL_SEEKFUNC_OK;
}

/* What comes is counted and forgotten. */
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

/* ---- one post ---------------------------------------------------------------------------------- */

static apr_status_t free_headers(void *list)
{
    curl_slist_free_all(list);
    return APR_SUCCESS;
}

static struct curl_slist *make_headers(const egs_post *post)
{
    const char *now = apr_psprintf(post->pool, "%" APR_TIME_T_FMT, apr_time_sec(apr_time_now()));
    const char *lines[] = {
        "Content-Type: application/json",
        "Accept:",
        "Expect:",
        apr_pstrcat(post->pool, "webhook-id: ", post->id, NULL),
        apr_pstrcat(post->pool, "webhook-timestamp: ", now, NULL),
        apr_pstrcat(post->pool, "webhook-signature: ",
                    egs_webhook_sign(post->key, post->id, now, post->body, post->pool), NULL),
    };
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        list = curl_slist_append(list, lines[i]);
    }
    apr_pool_cleanup_register(post->pool, list, free_headers, apr_pool_cleanup_null);
    return list;
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
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                     1L); /* else a hanging look-up would hold up the whole thread */
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)apr_time_as_msec(connect));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(options->webhook_timeout));
}

static void set_post(CURL *easy, transfer *t)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_URL, t->post->url);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(t->post->body));
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, t);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, repeat_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, swallow_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
}

static apr_status_t free_easy(void *easy)
{
    curl_easy_cleanup(easy);
    return APR_SUCCESS;
}

static CURL *take_easy(poster *p)
{
    CURL **used = apr_array_pop(p->idle), *easy = used ? *used : curl_easy_init();

    if (easy && !used) {
        apr_pool_cleanup_register(p->pool, easy, free_easy, apr_pool_cleanup_null);
    }
    return easy;
}

static void keep_result(poster *p, egs_post *post)
{
    if (!p->results->nelts) {
        p->results_since = monotonic();
    }
    APR_ARRAY_PUSH(p->results, egs_post *) = post;
}

static void release(poster *p, egs_post *post)
{
    post->result = EGS_POST_RELEASED;
    post->answer = (egs_answer){ 0 };
    keep_result(p, post);
}

static double random_part(void)
{
    apr_uint16_t bits = 0;

    eg_random(&bits, sizeof bits);
    return (double)bits / 65536;
}

static void log_result(const poster *p, const egs_post *post)
{
    const char *error = post->answer.error ? post->answer.error : "no 2xx";

    switch (post->result) {
    case EGS_POST_AGAIN:
        eg_log_at(&p->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0402) "webhook=%" APR_INT64_T_FMT " event=%s try=%d status=%d retry=%.0fs: %s",
                  post->webhook_id, post->event_id, post->tries + 1, post->answer.status, post->retry_seconds,
                  error);
        return;
    case EGS_POST_FAILED:
    case EGS_POST_GONE:
        eg_log_at(&p->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0403) "failed webhook=%" APR_INT64_T_FMT " event=%s try=%d status=%d: %s",
                  post->webhook_id, post->event_id, post->tries + 1, post->answer.status, error);
        return;
    default:
        eg_log_at(&p->log, EG_LOG_DEBUG, APR_SUCCESS, "webhook=%" APR_INT64_T_FMT " event=%s result=%d",
                  post->webhook_id, post->event_id, (int)post->result);
    }
}

/* The answer is there, or why there is none: judge it, and let the next ones of the webhook go or wait. */
static void finish(poster *p, egs_post *post, const egs_options *options)
{
    int was_busy = egs_lanes_is_busy(p->lanes, post->webhook_id);
    egs_post *waiting;

    post->result = egs_webhook_judge(&post->retry_seconds, &post->answer, post->tries,
                                     &options->webhook_retry, random_part());
    log_result(p, post);
    for (waiting = egs_lanes_done(p->lanes, post, post->result == EGS_POST_DELIVERED); waiting;) {
        egs_post *next = waiting->next;

        release(p, waiting);
        waiting = next;
    }
    keep_result(p, post);
    if (was_busy && !egs_lanes_is_busy(p->lanes, post->webhook_id)) {
        p->claim_at = 0; /* its webhook may have more */
    }
}

static void begin(poster *p, egs_post *post)
{
    transfer *t = apr_pcalloc(post->pool, sizeof *t);
    CURL *easy;

    if (!post->body || !post->key.data) {
        post->answer.error =
            post->body ? "the signing key cannot be opened" : "the event is no longer stored";
        finish(p, post, p->settings->options);
        return;
    }
    easy = take_easy(p);
    if (!easy) {
        post->answer.error = "out of memory";
        finish(p, post, p->settings->options);
        return;
    }
    t->post = post;
    t->settings = egs_control_take(p->control);
    t->headers = make_headers(post);
    curl_easy_reset(easy);
    set_bounds(easy, t->settings->options);
    set_post(easy, t);
    curl_multi_add_handle(p->multi, easy);
}

/* After a long stop of this process the posts may be another sender's: they are not begun then. */
static void begin_all(poster *p)
{
    egs_post *post;

    while (!p->backoff &&
           (post = egs_lanes_next(p->lanes, p->settings->options->webhook_connections)) != NULL) {
        if (monotonic() < post->lease_end) {
            begin(p, post);
        }
        else {
            egs_lanes_done(p->lanes, post, 1);
            apr_pool_destroy(post->pool);
        }
    }
}

/*
 * An answer whose body is longer than we read counts by its status; one that did not
 * come to its end in time does not.
 */
static void read_answer(egs_answer *answer, const transfer *t, CURL *easy, CURLcode code)
{
    long status = 0;
    curl_off_t retry_after = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after);
    answer->status = (int)status;
    answer->retry_after = (int)(retry_after < APR_INT32_MAX ? retry_after : APR_INT32_MAX);
    if (t->problem) {
        answer->error = t->problem;
    }
    else if (code != CURLE_OK && !(t->cut && status >= 200)) {
        answer->error = curl_easy_strerror(code);
    }
}

static void collect(poster *p)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(p->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        egs_settings *settings;
        transfer *t;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        curl_multi_remove_handle(p->multi, easy);
        read_answer(&t->post->answer, t, easy, code);
        APR_ARRAY_PUSH(p->idle, CURL *) = easy;
        settings = t->settings;
        finish(p, t->post, settings->options);
        egs_control_give(p->control, settings);
    }
}

/* ---- the database ------------------------------------------------------------------------------- */

/* A database that is away is the workers' to tell. */
static void note_answer(poster *p, apr_status_t rv)
{
    if (rv == APR_SUCCESS || rv == EG_DB_REFUSED) {
        p->backoff = 0;
        return;
    }
    p->backoff = !p->backoff ? BACKOFF_FIRST : p->backoff * 2 < BACKOFF_MAX ? p->backoff * 2 : BACKOFF_MAX;
    p->record_at = p->claim_at = monotonic() + p->backoff;
}

static apr_status_t record_some(poster *p, egs_post *const *posts, int count)
{
    apr_status_t rv =
        egs_webhook_record(posts, count, eg_db_with_pool(p->db, p->batch), p->settings->options);

    apr_pool_clear(p->batch);
    return rv;
}

/* Something in these is refused: the others must not suffer. */
static void record_each(poster *p, egs_post *const *posts, int count)
{
    for (int i = 0; i < count; i++) {
        if (record_some(p, posts + i, 1) != APR_SUCCESS) {
            eg_log_at(&p->log, EG_LOG_ERR, APR_SUCCESS,
                      EGLOGNO(0406) "result of a webhook post not recorded: webhook=%" APR_INT64_T_FMT
                                    " event=%s; it will be posted again",
                      posts[i]->webhook_id, posts[i]->event_id);
        }
    }
}

/* @return are all results recorded, or given up? */
static int record(poster *p)
{
    egs_post **posts = (egs_post **)(void *)p->results->elts;
    int count = p->results->nelts;
    apr_status_t rv = record_some(p, posts, count);

    note_answer(p, rv);
    if (rv == EG_DB_REFUSED) {
        record_each(p, posts, count);
    }
    else if (rv != APR_SUCCESS) {
        return 0;
    }
    for (int i = 0; i < count; i++) {
        apr_pool_destroy(posts[i]->pool);
    }
    apr_array_clear(p->results);
    return 1;
}

/* Now, or is it better to wait for more? */
static void record_due(poster *p)
{
    apr_time_t now = monotonic();

    if (p->results->nelts && now >= p->record_at &&
        (p->results->nelts >= RECORD_COUNT || now - p->results_since >= RECORD_AFTER ||
         !egs_lanes_begun(p->lanes))) {
        record(p);
    }
}

static void claim(poster *p)
{
    const egs_options *options = p->settings->options;
    apr_time_t now = monotonic();
    egs_webhook_want want = { .limit = options->webhook_connections * HELD_FACTOR - egs_lanes_held(p->lanes),
                              .lease = options->webhook_lease,
                              .now = now };
    egs_post *posts, *next;
    apr_status_t rv;

    if (now < p->claim_at || want.limit < options->webhook_connections) {
        return;
    }
    want.busy = egs_lanes_busy(p->lanes, &want.busy_count, p->batch);
    rv = egs_webhook_claim(&posts, &p->cursor, eg_db_with_pool(p->db, p->batch), &want, p->settings->secret,
                           p->pool);
    if (rv == APR_SUCCESS && !posts) {
        p->claim_at = now + options->poll;
    }
    for (; posts; posts = next) {
        next = posts->next;
        egs_lanes_add(p->lanes, posts);
    }
    apr_pool_clear(p->batch);
    note_answer(p, rv);
}

/* ---- the thread --------------------------------------------------------------------------------- */

/* claim -> begin -> transfer -> collect -> record, each as far as it goes now */
static void run_round(poster *p)
{
    int running;

    if (!egs_control_stopping(p->control)) {
        if (!p->results->nelts || !p->backoff) {
            claim(p);
        }
        begin_all(p);
    }
    curl_multi_perform(p->multi, &running);
    collect(p);
    record_due(p);
}

static void wait_for_something(poster *p)
{
    apr_interval_time_t most = p->results->nelts ? RECORD_AFTER : p->settings->options->poll;

    if (egs_lanes_begun(p->lanes)) {
        most = most < apr_time_from_msec(100) ? most : apr_time_from_msec(100);
        curl_multi_poll(p->multi, NULL, 0, (int)apr_time_as_msec(most), NULL);
    }
    else if (p->backoff || monotonic() < p->claim_at) {
        egs_control_sleep(p->control, p->backoff ? p->backoff : most);
    }
}

/* What has begun is finished, and all of it recorded; the rest goes back. */
static void wind_up(poster *p)
{
    apr_time_t give_up;
    egs_post *post;

    while ((post = egs_lanes_withdraw(p->lanes)) != NULL) {
        release(p, post);
    }
    while (egs_lanes_begun(p->lanes)) {
        run_round(p);
        curl_multi_poll(p->multi, NULL, 0, 20, NULL);
    }
    give_up = monotonic() + LAST_WORDS;
    while (p->results->nelts && !record(p) && monotonic() < give_up) {
        apr_sleep(BACKOFF_FIRST);
    }
}

static apr_status_t free_multi(void *multi)
{
    curl_multi_cleanup(multi);
    return APR_SUCCESS;
}

static apr_status_t start(poster *p, egs_control *control, const char *dsn)
{
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create_unmanaged_ex(&pool, NULL, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *p = (poster){ .control = control,
                   .pool = pool,
                   .log = egs_senderlog_view(egs_control_log(control), EG_LOG_INFO),
                   .multi = curl_multi_init(),
                   .idle = apr_array_make(pool, 64, sizeof(CURL *)),
                   .results = apr_array_make(pool, 128, sizeof(egs_post *)),
                   .lanes = egs_lanes_new(pool) };
    if (p->multi) {
        apr_pool_cleanup_register(pool, p->multi, free_multi, apr_pool_cleanup_null);
    }
    p->db = eg_db_dedicated(dsn, &p->log, pool);
    rv = p->multi ? apr_pool_create(&p->batch, pool) : APR_ENOMEM;
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
    }
    return rv;
}

void egs_webhook_run(egs_control *control, const char *dsn)
{
    poster p;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (start(&p, control, dsn) == APR_SUCCESS) {
        while (!egs_control_stopping(control)) {
            p.settings = egs_control_take(control);
            p.log.level = p.settings->options->log_level;
            run_round(&p);
            wait_for_something(&p);
            egs_control_give(control, p.settings);
        }
        p.settings = egs_control_take(control);
        wind_up(&p);
        egs_control_give(control, p.settings);
        apr_pool_destroy(p.pool);
    }
    curl_global_cleanup();
}
