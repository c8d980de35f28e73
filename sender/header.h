/*
 * Header fields: values that decode to exactly what was given, folded, ASCII
 * alone (RFC 5322 section 2.2, RFC 2047). Pure.
 */
#ifndef EGS_HEADER_H
#define EGS_HEADER_H

#include "text.h"

typedef struct {
    const char
        *email;       /* local@domain, checked when it was accepted; a local part in UTF-8 stays (RFC 6532) */
    const char *name; /* UTF-8; NULL or empty for none */
} egs_address;

/**
 * Append "name: value" with CRLF at the end. Printable ASCII stays readable
 * and is folded at its spaces to 78 columns where they allow it; all else goes
 * as encoded words of at most 75 columns in lines of at most 76. A name of
 * more than 50 bytes may make the first line longer than that, for the value
 * has to begin in it: some parsers count a fold before it as part of the value.
 * Of a field with a syntax (fieldsyntax.h) no more than a phrase is encoded, unless
 * its value breaks the syntax; white space between its words is one blank.
 * @param name  one that eg_field_name_valid takes
 * @param value  UTF-8; CR and LF come out encoded, never as they are
 */
void egs_header_text(egs_text *field, const char *name, const char *value);

/**
 * Append "name: mailbox, mailbox ..." with CRLF at the end (RFC 5322 section
 * 3.4). Display names go as atoms or a quoted string, unfolded, or as encoded words.
 * @param count  1 or more
 */
void egs_header_addresses(egs_text *field, const char *name, const egs_address *addresses, int count);

#endif
