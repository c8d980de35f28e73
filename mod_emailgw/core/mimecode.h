/*
 * Transfer encodings of MIME bodies (RFC 2045 sections 6.7 and 6.8). Pure.
 */
#ifndef EG_MIMECODE_H
#define EG_MIMECODE_H

#include "rawmail.h"

/** What a body has that no server need take. */
typedef enum {
    EG_MIME_FITS,
    EG_MIME_LONG, /* a line over EG_WIRE_LINE_MAX */
    EG_MIME_8BIT  /* bytes over 126, a NUL, or a CR or LF that is half a line end */
} eg_mimefault;

eg_mimefault eg_mimecode_check(eg_bytes body);

/**
 * What a body stands for.
 * @param code  not EG_RAW_UNKNOWN
 * @return APR_EINVAL for base64 that is none; quoted-printable is taken as far as it goes
 */
apr_status_t eg_mimecode_decode(eg_bytes *content, eg_bytes body, eg_rawcode code, apr_pool_t *pool);

/**
 * The encoding for a content: quoted-printable, or base64 where that is shorter or
 * where it is no text.
 */
eg_rawcode eg_mimecode_choose(eg_bytes content, int is_text);

/**
 * A content in an encoding: CRLF, lines of at most 76. Of quoted-printable CRLF stays
 * a line end, and a CR or LF alone is one byte of the content.
 * @param code  EG_RAW_QUOTED_PRINTABLE or EG_RAW_BASE64
 * @return without a NUL within
 */
const char *eg_mimecode_encode(eg_bytes content, eg_rawcode code, apr_pool_t *pool);

/** "base64": as Content-Transfer-Encoding has it; "7bit" for EG_RAW_PLAIN. */
const char *eg_mimecode_name(eg_rawcode code);

#endif
