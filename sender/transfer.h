/*
 * How a text travels: its line ends and its transfer encoding (RFC 2045
 * section 6, RFC 2046 section 4.1.1). Pure.
 */
#ifndef EGS_TRANSFER_H
#define EGS_TRANSFER_H

#include "db.h"
#include "text.h"

typedef enum { EGS_7BIT, EGS_QUOTED_PRINTABLE, EGS_BASE64 } egs_transfer;

/**
 * 7bit for ASCII in lines of at most 998, else the shorter of the other two;
 * base64 also for a CR that ends no line, which only it keeps.
 */
egs_transfer egs_transfer_choose(const char *text);

/**
 * The text with one kind of line end, as the encoder of that transfer wants
 * it: CRLF before base64, LF before the others (which get CRLF on the wire).
 */
eg_bytes egs_transfer_lines(const char *text, egs_transfer transfer, apr_pool_t *pool);

/** Append a text as it goes on the wire: CRLF for each line end, be it CRLF or LF. */
void egs_transfer_wire(egs_text *wire, const char *text);

#endif
