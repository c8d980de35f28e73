/*
 * The dialogue of one SMTP connection (RFC 5321), pure: what the client sends goes
 * in, replies and whole mails come out. It knows no socket, no TLS and no database.
 *
 * A submission session (RFC 6409) takes mail of those who have logged in (RFC
 * 4954). A session for bounces takes mail of anybody, for the recipients that its
 * host knows.
 */
#ifndef EG_SMTP_SESSION_H
#define EG_SMTP_SESSION_H

#include "smtp_submit.h"

typedef enum { EG_SMTP_SUBMISSION, EG_SMTP_BOUNCES } eg_smtp_mode;

#define EG_SMTP_COMMAND_MAX 512 /* octets of a line with its CRLF (RFC 5321 section 4.5.3.1.4) */
/* MAIL may be longer: by SIZE 26 (RFC 1870), BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531), AUTH 500 (RFC 4954). */
#define EG_SMTP_MAIL_MAX (EG_SMTP_COMMAND_MAX + 26 + 17 + 10 + 500)
#define EG_SMTP_AUTH_MAX 12288 /* octets of AUTH and its answers (RFC 4954 section 4) */
/* Since the last mail that was taken; then 421. */
#define EG_SMTP_ERRORS_MAX 20            /* commands refused for good, RCPT behind any MAIL aside */
#define EG_SMTP_GREETINGS_MAX 10         /* EHLO and HELO: each one more is an error */
#define EG_SMTP_COMMANDS_MAX 1000        /* commands, recipients that are taken aside */
#define EG_SMTP_STRANGER_COMMANDS_MAX 50 /* ... of who has not logged in */
#define EG_SMTP_STRANGER_MORE 50         /* ... once a recipient was taken: enough for some tens of bounces */
#define EG_SMTP_AUTH_FAILURES_MAX 3      /* of a connection; then 421 */
#define EG_SMTP_RECIPIENTS_DEFAULT 100   /* RFC 5321 section 4.5.3.1.8 wants so many at least */

/** How a session is to be. */
typedef struct {
    eg_smtp_mode mode;
    const char *host;        /* the name that it greets with */
    apr_int64_t message_max; /* octets of one mail */
    int recipients_max;      /* of one mail; as many more may be refused */
    int secure;              /* TLS is there from the first byte */
    int starttls;            /* TLS is to be had */
    int plain_auth;          /* logging in is allowed without TLS, too */
} eg_smtp_settings;

/**
 * Who answers what a session cannot. Replies are one line; whatever is in them
 * comes out in printable ASCII. The pool lasts until the call returns.
 */
typedef struct {
    void *baton;
    /** To the client, CRLF and all. */
    void (*send)(void *baton, const char *text, apr_size_t size);
    /** 235: good. @param reply  535 before the call */
    void (*authenticate)(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
                         apr_pool_t *pool);
    /** Of bounces: 250 takes the recipient. @param reply  550 before the call */
    void (*recipient)(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool);
    /** May so many octets of a mail be in memory, until the pool goes? */
    int (*has_room)(void *baton, apr_int64_t size, apr_pool_t *pool);
    /** A whole mail, of bounces its first EG_RETURNED_SIZE octets: 250 has taken it. @param reply  451 before */
    void (*complete)(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope, eg_bytes message,
                     apr_pool_t *pool);
    /** A mail that was refused for what it is, without asking complete. */
    void (*refused)(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope);
} eg_smtp_handler;

/** What is to be done when a session has taken its bytes. */
typedef enum {
    EG_SMTP_READ,     /* read on */
    EG_SMTP_STARTTLS, /* begin TLS, then say eg_smtp_session_secured */
    EG_SMTP_CLOSE     /* nothing more comes: send what is to be sent, and close */
} eg_smtp_next;

typedef struct eg_smtp_session eg_smtp_session;

/** Settings and handler are kept as pointers; all memory goes with the pool. */
eg_smtp_session *eg_smtp_session_make(const eg_smtp_settings *settings, const eg_smtp_handler *handler,
                                      apr_pool_t *pool);

/** The greeting: 220. */
void eg_smtp_session_greet(eg_smtp_session *session);

/** What has come; behind EG_SMTP_STARTTLS and EG_SMTP_CLOSE nothing of it is left. */
eg_smtp_next eg_smtp_session_feed(eg_smtp_session *session, const char *data, apr_size_t size);

/** TLS is there: all that was said before is forgotten (RFC 3207 section 4.2). */
void eg_smtp_session_secured(eg_smtp_session *session);

/** The server is about to go: the next command is answered with 421, a mail that is under way comes first. */
void eg_smtp_session_stop(eg_smtp_session *session);

/** End it now with a 421. @param enhanced  such as "4.4.2" */
void eg_smtp_session_quit(eg_smtp_session *session, const char *enhanced, const char *text);

/** Is it between DATA and the dot? */
int eg_smtp_session_in_data(const eg_smtp_session *session);

/** Has somebody logged in? */
int eg_smtp_session_authenticated(const eg_smtp_session *session);

/** How many commands and mails have been read to their end: does it get on? */
apr_int64_t eg_smtp_session_steps(const eg_smtp_session *session);

#endif
