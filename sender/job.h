/*
 * egs_job: one recipient of one message on its way out. Each stage reads what
 * earlier ones set, fills in its own part and never calls back up:
 * claim -> render -> sign -> deliver -> record.
 */
#ifndef EGS_JOB_H
#define EGS_JOB_H

#include <jansson.h>

#include "db.h"
#include "dkim.h"
#include "options.h"
#include "secret.h"

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
    int needs_tls; /* its client wants it delivered over TLS with a certificate that holds, or not at all */
    const char *html, *plain; /* either may be NULL */
    eg_bytes raw; /* the message as its client wrote it, in the place of texts and attachments, or no data */
    egs_attachment *attachments;
    int attachment_count;
    apr_time_t date;          /* of the first attempt: the Date field */
    apr_int64_t domain_id;    /* of the sender domain */
    apr_int64_t list_id;      /* whose subscribers it goes to; 0: none's */
    const char *return_host;  /* of the return path, or NULL */
    const char *source;       /* the address to connect from; NULL: the system's choice */
    const char *tracking_url; /* what links of its recipients begin with, or NULL: they have none */
    int track_links, track_opens, unsubscribe_link; /* what it is to have of them */
    egs_dkim_signer signer;                         /* pair is NULL where there is no key that can be used */
    eg_bytes message; /* rendered and signed by the first of its jobs, the same for all of them, but
                         where recipients have links of their own */
} egs_content;

typedef enum {
    EGS_RELEASED, /* not tried: back into the queue, the attempt does not count */
    EGS_DELIVERED,
    EGS_DEFERRED, /* failed: policy makes a bounce of it where no later try would do better */
    EGS_BOUNCED,
    EGS_SUPPRESSED /* not tried: the address is on the suppression list by now */
} egs_result;

/** How far a dialogue came: what the last reply answered, or what failed. */
typedef enum {
    EGS_STAGE_NONE, /* no dialogue */
    EGS_STAGE_CONNECT,
    EGS_STAGE_GREETING,
    EGS_STAGE_EHLO,
    EGS_STAGE_STARTTLS, /* with the handshake */
    EGS_STAGE_AUTH,
    EGS_STAGE_RSET,
    EGS_STAGE_MAIL,
    EGS_STAGE_RCPT,
    EGS_STAGE_DATA, /* with the message itself */
    EGS_STAGE_DOT
} egs_stage;

/** Why a mail was not taken (classify.h). */
typedef enum {
    EGS_CLASS_NONE, /* it was, or it was not tried */
    EGS_CLASS_RECIPIENT,
    EGS_CLASS_MAILBOX_FULL,
    EGS_CLASS_POLICY,
    EGS_CLASS_REPUTATION,     /* of our address or domain, and rates */
    EGS_CLASS_AUTHENTICATION, /* SPF, DKIM, DMARC, PTR */
    EGS_CLASS_CONTENT,
    EGS_CLASS_TECHNICAL, /* with all that is not known */
    EGS_CLASS_EXPIRED    /* put off until its lifetime was over */
} egs_class;

/** How one attempt ended. */
typedef struct {
    egs_result result;
    egs_class class; /* by policy, for EGS_DEFERRED and EGS_BOUNCED */
    int slow_down;   /* by policy: its destination wants less, or nothing, for a while */
    int suppress;    /* by policy, for EGS_BOUNCED: the address is to get nothing more */
    int complaint;   /* delivered, and then complained of: the simulator's */
    apr_interval_time_t
        retry; /* how long to wait, from the database's now: for EGS_DEFERRED, by policy, and EGS_RELEASED */
    double seconds;   /* that the attempt took */
    const char *host; /* who answered: "outbox", a host name */
    egs_stage stage;
    int smtp_code;           /* 0 where there was no reply */
    const char *enhanced;    /* "2.0.0" or NULL */
    const char *text;        /* UTF-8: the other side's words, or ours, or NULL */
    const char *tls_version; /* "TLSv1.3", or NULL in the clear */
    const char *tls_cipher;
    int ambiguous; /* the whole message was sent and no reply came: it may have been delivered */
} egs_outcome;

typedef struct egs_job {
    /* claim */
    apr_int64_t account_id;
    const char *message_id;
    int recipient_no;
    int attempt;           /* 1 for the first: the fence against late owners */
    int tries;             /* attempts before this one, without those that were given back */
    const char *recipient; /* envelope address */
    int lane;              /* of the recipient's domain: mails of one can be held back together */
    int overdue;           /* claimed from a held lane, because its lifetime is over */
    int size;              /* bytes of the contents as stored */
    apr_time_t age_start;  /* of the first attempt, by egs_clock */
    apr_time_t lease_end;  /* by egs_clock; 0: it is another's now */
    /* render */
    egs_content *content;    /* shared by the message's jobs; NULL: no longer stored */
    const char *return_path; /* envelope sender */
    eg_bytes message;        /* RFC 5322, CRLF, 7-bit */
    /* deliver */
    apr_time_t begun; /* by egs_clock */
    void *carried;    /* the transport's own, while it has the job */
    egs_outcome outcome;
    apr_time_t ended; /* when that was known, by egs_clock */
    /* the worker's */
    apr_pool_t *pool;        /* of its slice: for what the stages make */
    struct egs_slice *slice; /* what it was loaded with */
    struct egs_job *next;    /* it is in one list at a time */
    int given_back;
} egs_job;

/** Jobs in order; empty when it is all zero. */
typedef struct {
    egs_job *first, *last;
} egs_jobs;

/** To the end of the list. */
static inline void egs_jobs_add(egs_jobs *list, egs_job *job)
{
    job->next = NULL;
    if (list->first) {
        list->last->next = job;
    }
    else {
        list->first = job;
    }
    list->last = job;
}

/** The first one, off the list; NULL when it is empty. */
static inline egs_job *egs_jobs_take(egs_jobs *list)
{
    egs_job *job = list->first;

    if (job) {
        list->first = job->next;
    }
    return job;
}

/** Microseconds by a clock that nobody sets, and that goes on while the machine is suspended. */
apr_time_t egs_clock(void);

/**
 * Claim: lease up to limit due recipients. Those of one message stand together.
 * @param jobs  in db's pool
 * @param held  of egs_hold: lanes to pass over; NULL: none
 * @param cursor  whom the last claim served: accounts take turns; 0 at first
 */
apr_status_t egs_claim(egs_job **jobs, int *count, int limit, const apr_array_header_t *held,
                       apr_int64_t *cursor, eg_db *db, const egs_options *options);

/** A full lease from now for count jobs; lease_end is 0 for those that are another's or done. */
apr_status_t egs_renew(egs_job **jobs, int count, eg_db *db, const egs_options *options);

#define EGS_SLICE_MAX (2 * 1024 * 1024) /* bytes of stored contents: one slow transfer keeps them all */

/** How many of the jobs to load at once: their messages have at most EGS_SLICE_MAX, or it is one alone. */
int egs_slice_count(const egs_job *jobs, int count);

/**
 * Render, first half: the contents of a slice, into db's pool. job->content stays
 * NULL where it is gone, and the outcome is EGS_SUPPRESSED where the address is on
 * the suppression list by now: what is put there later finds the mail under way.
 * @param secret  makes what an address is known by on that list when it was erased
 */
apr_status_t egs_load(egs_job *jobs, int count, const eg_secret *secret, eg_db *db);

/**
 * Render, second half: job->return_path and job->message, signed if it is to be. Where that cannot be
 * done the outcome is set: deferred for want of a key, bounced where no later try would
 * do better. A job that has an outcome stays as it is.
 */
void egs_render(egs_job *job, const eg_secret *secret, int is_signed, const eg_log *log, apr_pool_t *pool);

/** Record: the outcomes of count jobs in one transaction. Repeating it changes nothing. */
apr_status_t egs_record(egs_job *const *jobs, int count, eg_db *db);

/** A stage in a word, for events and log lines: "connect", "rcpt"; NULL for EGS_STAGE_NONE. */
const char *egs_stage_name(egs_stage stage);

#endif
