/*
 * Connections to SMTP servers: opened and upgraded by libcurl, kept and used
 * again, and the mails that go over them. For one thread.
 *
 * libcurl does what comes before a mail: look-up, connection, greeting, EHLO,
 * STARTTLS, AUTH. The mail itself goes through smtp_dialogue, because libcurl
 * (7.88) stands still, with all its other transfers, until the reply to a
 * final dot has come.
 */
#ifndef EGS_SMTP_H
#define EGS_SMTP_H

#include "job.h"

/** Where mails go, and how. Lives as long as the mails that go there. */
typedef struct {
    const char *host;    /* a name, or an address (IPv6 in brackets) */
    const char *address; /* of host, IPv6 without brackets; NULL: libcurl looks it up */
    int port;
    const char *helo;
    egs_tls tls;
    const char *ca_file;  /* NULL: the system's */
    const char *user;     /* NULL: no AUTH */
    const char *password; /* with user */
    int connections;      /* at most, of one thread; 0: others see to that */
    int mails;            /* over one connection; 0: any number */
    apr_interval_time_t connect_timeout, command_timeout, final_timeout;
    const char *key; /* a connection serves every peer of its key, for mails of one source */
} egs_smtp_peer;

/** One thread's connections. */
typedef struct egs_smtp egs_smtp;

/** Connections are closed with the pool. */
apr_status_t egs_smtp_open(egs_smtp **smtp, const eg_log *log, apr_pool_t *pool);

/** How many more mails could go to this peer now. */
int egs_smtp_room(const egs_smtp *smtp, const egs_smtp_peer *peer);

/** Is there a connection that the next mail from this source (of egs_content) to this peer would use? */
int egs_smtp_has_idle(const egs_smtp *smtp, const egs_smtp_peer *peer, const char *source);

/** Begin a mail; egs_smtp_finished gives it back when its outcome is known. */
void egs_smtp_begin(egs_smtp *smtp, egs_job *job, const egs_smtp_peer *peer);

/** Go on with all of them. Waits for something to happen, no longer than wait. */
void egs_smtp_work(egs_smtp *smtp, apr_interval_time_t wait);

/** Have egs_smtp_work end when this file can be read, too. It is closed after the connections. */
apr_status_t egs_smtp_watch(egs_smtp *smtp, int fd);

/** A mail whose outcome is known, once; NULL when there is none. */
egs_job *egs_smtp_finished(egs_smtp *smtp);

#endif
