/*
 * What header fields of a raw mail are made of, as accepting and rendering must agree
 * on it. Pure.
 */
#ifndef EG_RAWFIELD_H
#define EG_RAWFIELD_H

#include "headervalue.h"
#include "mailbox.h"
#include "rawmail.h"

typedef enum {
    EG_FIELD_TEXT,       /* words, RFC 2047 section 5 (1) */
    EG_FIELD_ADDRESSES,  /* From, To, Cc ... */
    EG_FIELD_PARAMETERS, /* Content-Type, Content-Disposition */
    EG_FIELD_TOKEN       /* Content-Transfer-Encoding: no other form of it would be understood */
} eg_fieldkind;

eg_fieldkind eg_rawfield_kind(const eg_rawmail *mail, const eg_rawfield *field);

/** One address of a field. */
typedef struct {
    eg_mailbox box;
    const char *name; /* UTF-8, may be empty */
} eg_rawaddress;

/**
 * The addresses of a field.
 * @param list  of eg_rawaddress; empty for a field that has none
 * @return APR_EINVAL when it is no list of addresses that mail can be sent to
 */
apr_status_t eg_rawfield_addresses(apr_array_header_t **list, const eg_rawmail *mail,
                                   const eg_rawfield *field, apr_pool_t *pool);

/** Does every server take it as it is: 7-bit, in lines of at most 998? */
int eg_rawfield_fits(const eg_rawmail *mail, const eg_rawfield *field);

/**
 * One that does not fit: can it be written so that it does? Only UTF-8 can, and what
 * has a form of its own must have it; a token cannot.
 */
int eg_rawfield_is_writable(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool);

#define EG_RAW_PIECE_MAX 240 /* bytes of a parameter's value in one line: each can be three there */

/** What may stand in an extended value as it is (RFC 5987 section 3.2.1). */
int eg_rawfield_is_safe(char c);

/** Is it in the form of RFC 2231 section 4 already, in which nothing is quoted, and short enough for a line? */
int eg_rawfield_is_extended(const eg_parameter *parameter);

/** In pieces already (RFC 2231 section 3), or extended: it cannot be cut into more. */
int eg_rawfield_is_piece(const eg_parameter *parameter);

#endif
