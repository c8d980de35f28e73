/*
 * One connection to an SMTP server: what smtp.c and the files below it share,
 * and nobody else.
 *
 * Each has a multi handle of its own: libcurl would take a connection beside
 * it, idle in its eyes, for one to clear away.
 *
 * smtp.c calls smtp_connect.c and smtp_mail.c; both call smtp_conn.c; a mail
 * that may begin again goes back to smtp_connect.c, which has its socket from
 * smtp_source.c.
 */
#ifndef EGS_SMTP_CONN_H
#define EGS_SMTP_CONN_H

#include <apr_hash.h>
#include <curl/curl.h>
#include <stdint.h>

#include "smtp.h"
#include "smtp_dialogue.h"

#define EGS_CONNS_MAX 256
#define EGS_CONN_INPUT 32768 /* bytes; more than a TLS record, so that none stays half-read inside OpenSSL */

typedef enum { EGS_CONN_UNUSED, EGS_CONN_CONNECTING, EGS_CONN_BUSY, EGS_CONN_IDLE } egs_smtp_conn_state;

typedef struct {
    egs_smtp *smtp;
    int no; /* of smtp->conns */
    egs_smtp_conn_state state;
    apr_pool_t *pool; /* cleared when the connection ends */
    CURLM *multi;
    CURL *easy;
    struct curl_slist *connect_to; /* easy's */
    int attached;                  /* easy is in multi */
    curl_socket_t fd;
    int wants_out;        /* epoll tells when it can be written to */
    apr_time_t curl_time; /* libcurl wants to be called then; 0: no */
    apr_time_t deadline, body_deadline;
    int clear; /* its TLS handshake failed: without TLS this time */
    int used;  /* mails that it has carried */
    int reset; /* the last one was refused half-way */
    unsigned extensions;
    const char *key, *tls_version, *tls_cipher;
    const char *source; /* the address that it was opened from; NULL: the system's choice */
    int source_error;   /* why not, as errno; 0: nothing speaks against it */
    egs_stage stage;    /* while connecting */
    int answered;       /* reader holds a whole reply */
    egs_reply_reader reader;
    egs_reply refusal; /* of EHLO, until HELO is answered; its code is 0 where there is none */
    char error[CURL_ERROR_SIZE];
    egs_job *job; /* while connecting or busy */
    const egs_smtp_peer *peer;
    egs_dialogue dialogue;
} egs_smtp_conn;

struct egs_smtp {
    const eg_log *log;
    apr_pool_t *pool;
    int epoll;
    egs_smtp_conn *conns[EGS_CONNS_MAX]; /* made when first needed */
    int count;
    int refused;         /* the log has told that connections are */
    apr_hash_t *sources; /* those that could not be used at some time: see smtp_source.c */
    egs_jobs finished;
    char input[EGS_CONN_INPUT];
};

/* smtp_conn.c */

/** A new one, not connected, in smtp->conns; it goes with smtp. NULL: that cannot be done. */
egs_smtp_conn *egs_smtp_conn_make(egs_smtp *smtp);

/** Have fd watched for this connection, in place of what was. @param events  of epoll */
void egs_smtp_conn_watch(const egs_smtp_conn *c, curl_socket_t fd, uint32_t events);

/** End the connection without a word: it is unused then. */
void egs_smtp_conn_hang_up(egs_smtp_conn *c);

/** End it with QUIT, not waiting for the answer: it would tell nothing. */
void egs_smtp_conn_quit(egs_smtp_conn *c);

/** Put a reply, and what it answered, into the outcome of the connection's mail. */
void egs_smtp_conn_set_reply(egs_smtp_conn *c, egs_stage stage, const egs_reply *reply);

/** Put the host and its TLS into the outcome of the connection's mail. */
void egs_smtp_conn_set_peer(egs_smtp_conn *c);

/** The outcome of the connection's mail is known: it leaves the connection. */
void egs_smtp_conn_finish(egs_smtp_conn *c);

/** A mail that cannot go to anyone in this form: no later try would do better. */
void egs_smtp_conn_refuse(egs_job *job, const char *enhanced, const char *text);

/* smtp_connect.c */

/** Begin to connect, for this mail. @param c  unused, its clear set */
void egs_smtp_conn_open(egs_smtp_conn *c, egs_job *job, const egs_smtp_peer *peer);

/** Nothing was said about its mail yet: that may begin again, on a connection of its own. */
void egs_smtp_conn_open_anew(egs_smtp_conn *c);

/**
 * While connecting: libcurl's next step.
 * @param fd  a socket, or CURL_SOCKET_TIMEOUT
 * @param what  happened to it, in CURL_CSELECT_ bits
 * @return 1 when its mail can start now
 */
int egs_smtp_conn_drive(egs_smtp_conn *c, curl_socket_t fd, int what);

/**
 * While connecting: this came to nothing. Where a TLS handshake did, and mail may go in the clear, that is
 * begun; else the mail is deferred, for what the server said or else for this problem.
 */
void egs_smtp_conn_give_up(egs_smtp_conn *c, const char *problem);

/* smtp_source.c */

/** Have the connection that is being opened come from its source. It sets source_error. */
void egs_smtp_source_set(egs_smtp_conn *c);

/** While connecting: the source could not be used. The mail is deferred, and the log has it once. */
void egs_smtp_source_fail(egs_smtp_conn *c);

/* smtp_mail.c */

/** Send the connection's mail. @param c  connected, with job and peer */
void egs_smtp_conn_start_mail(egs_smtp_conn *c);

/** While busy: read if there is something, and write. */
void egs_smtp_conn_go_on(egs_smtp_conn *c, int readable);

/** While busy: the connection is of no more use. */
void egs_smtp_conn_lose(egs_smtp_conn *c, const char *problem);

#endif
