/*
 * The peer of the webhooks: posts one body over and over with libcurl and nothing
 * else, as fast as it can: post_loop URL POSTS CONNECTIONS FILE. FILE has the
 * headers, an empty line and the body. Fails unless every answer is a 200.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define FILE_MAX (64 * 1024) /* bytes */
#define EVENTS 64

typedef struct {
    CURLM *multi;
    int epoll;
    long timeout; /* milliseconds, -1 for none */
    long begun, done, posts;
} loop;

static void fail(const char *what)
{
    fprintf(stderr, "post_loop: %s\n", what);
    exit(1);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *baton, void *known)
{
    loop *l = baton;
    struct epoll_event event = { .data.fd = fd };

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, &event); /* gone already where it was closed */
        return 0;
    }
    event.events =
        (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0);
    if (epoll_ctl(l->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl");
    }
    curl_multi_assign(l->multi, fd, l);
    return 0;
}

static int set_timeout(CURLM *multi, long milliseconds, void *baton)
{
    (void)multi;
    ((loop *)baton)->timeout = milliseconds;
    return 0;
}

static size_t swallow(char *data, size_t size, size_t count, void *baton)
{
    (void)data;
    (void)baton;
    return size * count;
}

/* Headers into a list, the body behind the empty line. */
static const char *split(struct curl_slist **headers, char *text)
{
    while (*text != '\n') {
        char *end = strchr(text, '\n');

        if (end == NULL) {
            fail("the file has no empty line");
        }
        *end = '\0';
        *headers = curl_slist_append(*headers, text);
        text = end + 1;
    }
    return text + 1;
}

static void begin(loop *l, CURL *easy)
{
    if (l->begun < l->posts) {
        l->begun++;
        curl_multi_add_handle(l->multi, easy);
    }
}

static void reap(loop *l)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(l->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        long status = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (message->data.result != CURLE_OK || status != 200) {
            fail(curl_easy_strerror(message->data.result));
        }
        l->done++;
        curl_multi_remove_handle(l->multi, easy);
        begin(l, easy);
    }
}

static void run(loop *l)
{
    while (l->done < l->posts) {
        struct epoll_event events[EVENTS];
        int running, count = epoll_wait(l->epoll, events, EVENTS, (int)l->timeout);

        if (count == 0) {
            curl_multi_socket_action(l->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        for (int i = 0; i < count; i++) {
            int mask = (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                       (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                       (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

            curl_multi_socket_action(l->multi, events[i].data.fd, mask, &running);
        }
        reap(l);
    }
}

int main(int argc, char **argv)
{
    static char text[FILE_MAX + 1];
    struct curl_slist *headers = NULL;
    const char *body;
    FILE *file;
    loop l = { .timeout = -1 };

    if (argc != 5 || (file = fopen(argv[4], "r")) == NULL) {
        fail("usage: post_loop URL POSTS CONNECTIONS FILE");
    }
    text[fread(text, 1, FILE_MAX, file)] = '\0';
    fclose(file);
    body = split(&headers, text);
    l.posts = atol(argv[2]);
    l.epoll = epoll_create1(0);
    l.multi = curl_multi_init();
    curl_multi_setopt(l.multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(l.multi, CURLMOPT_SOCKETDATA, &l);
    curl_multi_setopt(l.multi, CURLMOPT_TIMERFUNCTION, set_timeout);
    curl_multi_setopt(l.multi, CURLMOPT_TIMERDATA, &l);
    curl_multi_setopt(l.multi, CURLMOPT_MAXCONNECTS, 2 * atol(argv[3]));
    for (long i = 0; i < atol(argv[3]); i++) {
        CURL *easy = curl_easy_init();

        curl_easy_setopt(easy, CURLOPT_URL, argv[1]);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
        begin(&l, easy);
    }
    run(&l);
    return 0;
}
