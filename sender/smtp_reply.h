/*
 * Replies of an SMTP server (RFC 5321 section 4.2), out of bytes as they come.
 * Pure: what a hostile server sends ends as a short clean text or as garbage.
 */
#ifndef EGS_SMTP_REPLY_H
#define EGS_SMTP_REPLY_H

#include "eg.h"

#define EGS_REPLY_TEXT_MAX 512     /* bytes of text that are kept */
#define EGS_REPLY_SIZE_MAX 65536   /* bytes of one reply, all its lines together */
#define EGS_REPLY_ENHANCED_SIZE 10 /* "5.123.123" and the NUL */

typedef struct {
    int code;                               /* 200 to 599 */
    char enhanced[EGS_REPLY_ENHANCED_SIZE]; /* RFC 3463, of the code's class; else empty */
    char text[EGS_REPLY_TEXT_MAX + 1];      /* the lines with a blank between; UTF-8, no control characters */
} egs_reply;

typedef enum {
    EGS_REPLY_MORE, /* not yet all there */
    EGS_REPLY_DONE,
    EGS_REPLY_GARBAGE /* no SMTP, or more than EGS_REPLY_SIZE_MAX; text has what there was */
} egs_reply_state;

/** One reply on its way in. */
typedef struct {
    egs_reply reply;
    char line[EGS_REPLY_TEXT_MAX + 64]; /* the beginning of the current line */
    apr_size_t length;                  /* of line */
    char words[EGS_REPLY_TEXT_MAX];     /* the texts so far, as they came */
    apr_size_t word_length;
    apr_size_t size; /* bytes of this reply so far */
} egs_reply_reader;

/** Expect a new reply. */
void egs_reply_start(egs_reply_reader *reader);

/**
 * Take bytes up to the end of the reply, no further.
 * @param used  bytes taken
 */
egs_reply_state egs_reply_read(egs_reply_reader *reader, apr_size_t *used, const char *data, apr_size_t size);

/** What has come so far, as reply.text: for an end in the middle. */
void egs_reply_give_up(egs_reply_reader *reader);

#endif
