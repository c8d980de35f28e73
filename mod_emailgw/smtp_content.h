/*
 * The octets between DATA and the dot (RFC 5321 sections 4.1.1.4, 4.5.2): dots
 * unstuffed, kept in memory or, when there are many, in a file without a name.
 *
 * The end is CRLF "." CRLF and nothing else. What other programs may take for an
 * end of line or of mail (a bare CR, a bare LF, a NUL) spoils the mail: it is read
 * to its true end, and refused. So is one that is too large, unless it is endless.
 */
#ifndef EG_SMTP_CONTENT_H
#define EG_SMTP_CONTENT_H

#include "db.h"

#define EG_SMTP_TEXT_LINE_MAX 998 /* octets without CRLF (RFC 5321 section 4.5.3.1.6) */

typedef struct eg_smtp_content eg_smtp_content;

/** What is wrong with a content that has ended; the first that applies. */
typedef enum {
    EG_SMTP_CONTENT_GOOD,
    EG_SMTP_CONTENT_SPOILT, /* a bare CR or LF, or a NUL: what follows on this connection may be part of it */
    EG_SMTP_CONTENT_TOO_LARGE, /* over max; nothing of it was kept */
    EG_SMTP_CONTENT_LONG_LINE, /* over EG_SMTP_TEXT_LINE_MAX */
    EG_SMTP_CONTENT_NO_ROOM    /* the disk or the memory is full */
} eg_smtp_fault;

/**
 * @param max       octets of the message with its dots unstuffed
 * @param keep_max  octets of it that are kept: the rest is read, and dropped
 */
eg_smtp_content *eg_smtp_content_make(apr_int64_t max, apr_int64_t keep_max, apr_pool_t *pool);

/**
 * Take what comes next.
 * @param end  set to 1 when the final dot's line is over, else to 0
 * @return octets taken: all of them, or those up to the end
 */
apr_size_t eg_smtp_content_feed(eg_smtp_content *content, int *end, const char *data, apr_size_t size);

/** Has more than twice max come, whatever of it was kept? Before the end, too. */
int eg_smtp_content_is_endless(const eg_smtp_content *content);

/** After the end. @param any_length  lines may be longer than EG_SMTP_TEXT_LINE_MAX */
eg_smtp_fault eg_smtp_content_fault(const eg_smtp_content *content, int any_length);

/** Octets that are kept of a good content. */
apr_int64_t eg_smtp_content_size(const eg_smtp_content *content);

/** What is kept of a good content. It lives as long as the content's pool. @return other than APR_SUCCESS: no memory, or a bad disk */
apr_status_t eg_smtp_content_read(eg_bytes *message, eg_smtp_content *content);

#endif
