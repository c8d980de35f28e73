/*
 * egs_job: one recipient of one message on its way out. Each stage reads what
 * earlier ones set, fills in its own part and never calls back up:
 * claim -> render -> (rewrite -> sign -> route ->) deliver -> record.
 */
#ifndef EGS_JOB_H
#define EGS_JOB_H

#include <jansson.h>

#include "db.h"
#include "options.h"

typedef struct {
    const char *filename;     /* UTF-8, cleaned when it was accepted */
    const char *content_type; /* type/subtype, perhaps with a charset */
    const char *disposition;  /* "attachment" or "inline" */
    const char *content_id;   /* without angle brackets, or NULL */
    eg_bytes content;         /* decoded */
} egs_attachment;

/** What all recipients of a message share, as it was accepted. */
typedef struct {
    apr_int64_t account_id;
    const char *message_id; /* UUIDv7 */
    const char *domain;     /* the sender domain, A-labels */
    const char *from_email, *from_name;
    const char *subject;
    json_t *to, *cc, *reply_to; /* arrays of {"email", "name"}; cc and reply_to may be empty */
    json_t *headers;            /* array of [name, value], in the order given */
    const char *html, *plain;   /* either may be NULL */
    egs_attachment *attachments;
    int attachment_count;
    apr_time_t date;  /* of the first attempt: the Date field */
    eg_bytes message; /* rendered by the first of its jobs, the same for all of them */
} egs_content;

typedef enum {
    EGS_RELEASED, /* not tried: back into the queue, the attempt does not count */
    EGS_DELIVERED,
    EGS_DEFERRED,
    EGS_BOUNCED
} egs_result;

/** How one attempt ended. */
typedef struct {
    egs_result result;
    int retry_seconds;    /* for EGS_DEFERRED: how long to wait, from the database's now */
    double seconds;       /* that the attempt took */
    const char *host;     /* who answered: "outbox", a host name */
    int smtp_code;        /* 0 where there was no dialogue */
    const char *enhanced; /* "2.0.0" or NULL */
    const char *text;     /* UTF-8: the other side's words, or ours, or NULL */
} egs_outcome;

typedef struct egs_job {
    /* claim */
    apr_int64_t account_id;
    const char *message_id;
    int recipient_no;
    int attempt;           /* 1 for the first: the fence against late owners */
    const char *recipient; /* envelope address */
    int size;              /* bytes of the contents as stored */
    /* render */
    egs_content *content;    /* shared by the message's jobs; NULL: no longer stored */
    const char *return_path; /* envelope sender */
    eg_bytes message;        /* RFC 5322, CRLF, 7-bit */
    /* deliver */
    egs_outcome outcome;
} egs_job;

/**
 * Claim: lease up to options->claim_batch due recipients. Those of one message
 * stand together.
 * @param jobs  in db's pool
 * @param cursor  whom the last claim served: accounts take turns; 0 at first
 */
apr_status_t egs_claim(egs_job **jobs, int *count, apr_int64_t *cursor, eg_db *db,
                       const egs_options *options);

/** How many of the jobs to load at once: their messages have at most 16 MB, or it is one alone. */
int egs_slice(const egs_job *jobs, int count);

/** Render, first half: the contents of a slice, into db's pool. job->content stays NULL where it is gone. */
apr_status_t egs_load(egs_job *jobs, int count, eg_db *db);

/**
 * Render, second half: job->return_path and job->message. Where that cannot be
 * done the outcome is set to bounced, since no later try would do better.
 * @return is there something to deliver?
 */
int egs_render(egs_job *job, const eg_log *log, apr_pool_t *pool);

/** Record: the outcomes of count jobs in one transaction. Repeating it changes nothing. */
apr_status_t egs_record(const egs_job *jobs, int count, eg_db *db);

#endif
