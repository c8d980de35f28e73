/*
 * One mail to one recipient over an SMTP connection that has said EHLO (RFC
 * 5321, pipelined by RFC 2920 where offered). Pure: bytes in, bytes out.
 */
#ifndef EGS_SMTP_DIALOGUE_H
#define EGS_SMTP_DIALOGUE_H

#include "job.h"
#include "smtp_reply.h"

/* What a server offers, as far as it matters here. */
#define EGS_SMTP_PIPELINING 1u
#define EGS_SMTP_SIZE 2u
#define EGS_SMTP_8BITMIME 4u
#define EGS_SMTP_UTF8 8u

/** The extension that a line of the EHLO reply offers, or 0. @param line  "250-SIZE 1000", with or without its end */
unsigned egs_smtp_extension(const char *line, apr_size_t length);

/**
 * Nothing in these addresses can end a path or a line, or begin another
 * command: no control character, blank, < or >.
 */
int egs_smtp_address_safe(const char *address);

#define EGS_DIALOGUE_BUFFER 32768 /* bytes; commands and a mail of common size in one write */

typedef struct {
    const egs_job *job;
    unsigned extensions;
    egs_stage written; /* last command put into out */
    egs_stage awaited; /* whose reply comes next */
    int failed;        /* reply and stage are those that refused the mail */
    int broken;        /* the connection can serve no other mail */
    int over;
    egs_stage stage; /* of reply */
    egs_reply reply; /* decides what becomes of the mail */
    egs_reply_reader reader;
    apr_size_t body_taken; /* bytes of the message put into out */
    char last[2];          /* the two bytes put into out last, for the dots */
    apr_size_t out_length, out_sent;
    char out[EGS_DIALOGUE_BUFFER];
} egs_dialogue;

/**
 * Begin.
 * @param job  its return_path, recipient and message stay until the end
 * @param reset  the connection's last mail was refused half-way: RSET first
 * @return APR_EINVAL when the server offers no SMTPUTF8 and this mail needs it
 */
apr_status_t egs_dialogue_start(egs_dialogue *dialogue, const egs_job *job, unsigned extensions, int reset);

/** Is the message itself what goes out next? */
int egs_dialogue_at_body(const egs_dialogue *dialogue);

/**
 * Bytes to send now, NULL when it is the server's turn. They stay where they
 * are until egs_dialogue_sent has told of them all.
 */
const char *egs_dialogue_output(egs_dialogue *dialogue, apr_size_t *size);

void egs_dialogue_sent(egs_dialogue *dialogue, apr_size_t size);

/** Bytes from the server. Sets over, failed, broken. */
void egs_dialogue_input(egs_dialogue *dialogue, const char *data, apr_size_t size);

/** The connection ended: over, with what there was of a reply. */
void egs_dialogue_cut(egs_dialogue *dialogue);

/** All of the message is sent, and no reply has come to its final dot. */
int egs_dialogue_ambiguous(const egs_dialogue *dialogue);

#endif
