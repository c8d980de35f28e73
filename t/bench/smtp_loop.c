/*
 * The load of the figure submission: hands in one mail over and over by SMTP, a command a
 * round trip as smtp-source does it: smtp_loop PORT MAILS SESSIONS FILE LOGIN, to
 * 127.0.0.1. FILE is the text with its CRLFs, LOGIN what AUTH PLAIN has in base64. Fails
 * unless every mail is taken.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024) /* bytes */
#define EVENTS 64
#define REPLY_MAX 2048 /* bytes */

/** What the next reply is to. */
typedef enum { GREETING, EHLO, AUTH, MAIL, RCPT, DATA, TEXT } step;

typedef struct {
    int fd;
    step waits_for;
    char reply[REPLY_MAX + 1];
    size_t length;
} session;

static struct {
    char text[FILE_MAX + 8];
    char login[1024];
    size_t size;
    long begun, done, mails;
} load;

static void fail(const char *what)
{
    fprintf(stderr, "smtp_loop: %s\n", what);
    exit(1);
}

static void say(session *s, const char *text, size_t size)
{
    if (send(s->fd, text, size, MSG_NOSIGNAL) != (ssize_t)size) {
        fail("cannot send");
    }
}

static void say_line(session *s, const char *line)
{
    say(s, line, strlen(line));
}

/* Another mail, or the session waits for ever. */
static void begin_mail(session *s)
{
    if (load.begun < load.mails) {
        load.begun++;
        say_line(s, "MAIL FROM:<shop@example.com>\r\n");
        s->waits_for = MAIL;
    }
}

static const struct {
    char expected; /* first digit */
    const char *next;
} steps[] = {
    [GREETING] = { '2', "EHLO bench.example\r\n" },
    [EHLO] = { '2', load.login },
    [MAIL] = { '2', "RCPT TO:<ann@example.org>\r\n" },
    [RCPT] = { '2', "DATA\r\n" },
    [DATA] = { '3', NULL },
    [AUTH] = { '2', NULL },
    [TEXT] = { '2', NULL },
};

static void take_reply(session *s)
{
    step was = s->waits_for;

    if (*s->reply != steps[was].expected) {
        fail(s->reply);
    }
    if (was == DATA) {
        say(s, load.text, load.size);
    }
    else if (steps[was].next != NULL) {
        say_line(s, steps[was].next);
    }
    s->waits_for++;
    if (was == TEXT) {
        load.done++;
    }
    if (was == TEXT || was == AUTH) {
        begin_mail(s);
    }
}

/* The last line of a reply has a blank behind its code. */
static int is_whole(const session *s)
{
    const char *line = s->reply, *end;

    while ((end = strstr(line, "\r\n")) != NULL) {
        if (line[3] == ' ') {
            return 1;
        }
        line = end + 2;
    }
    return 0;
}

static void hear(session *s)
{
    ssize_t count = recv(s->fd, s->reply + s->length, REPLY_MAX - s->length, 0);

    if (count <= 0) {
        fail("the connection is closed");
    }
    s->length += (size_t)count;
    s->reply[s->length] = '\0';
    if (is_whole(s)) {
        s->length = 0;
        take_reply(s);
    }
}

static void connect_to(session *s, int port, int epoll)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((unsigned short)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };
    int on = 1;

    *s = (session){ .fd = socket(AF_INET, SOCK_STREAM, 0), .waits_for = GREETING };
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event) != 0) {
        fail("cannot connect");
    }
}

static void run(int epoll)
{
    while (load.done < load.mails) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            hear(events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    FILE *file;
    int epoll = epoll_create1(0);
    session *sessions;

    if (argc != 6 || (file = fopen(argv[4], "r")) == NULL) {
        fail("usage: smtp_loop PORT MAILS SESSIONS FILE LOGIN");
    }
    load.size = fread(load.text, 1, FILE_MAX, file);
    fclose(file);
    memcpy(load.text + load.size, ".\r\n", 3);
    load.size += 3;
    load.mails = atol(argv[2]);
    snprintf(load.login, sizeof load.login, "AUTH PLAIN %s\r\n", argv[5]);
    sessions = calloc((size_t)atol(argv[3]), sizeof *sessions);
    if (sessions == NULL) {
        fail("no memory");
    }
    for (long i = 0; i < atol(argv[3]); i++) {
        connect_to(&sessions[i], atoi(argv[1]), epoll);
    }
    run(epoll);
    free(sessions);
    return 0;
}
