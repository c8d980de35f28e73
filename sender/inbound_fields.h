/*
 * "Name: value" lines: the header of a mail, or the blocks of a report about
 * one (RFC 5322 section 2.2, RFC 3464 section 2.1.1). Pure.
 */
#ifndef EGS_INBOUND_FIELDS_H
#define EGS_INBOUND_FIELDS_H

#include "eg.h"

#define EGS_FIELDS_MAX 256       /* of one block; the rest is passed over */
#define EGS_FIELD_VALUE_MAX 4096 /* bytes of one value */

typedef struct {
    const char *name;
    const char *value; /* unfolded, without blanks at its ends */
} egs_field;

typedef struct {
    egs_field *each;
    int count;
} egs_fields;

/**
 * The fields up to the next empty line or the end. Lines that are none are passed over.
 * @param text  NUL at its end, LF at the ends of lines
 * @return where the next block begins: behind the empty lines, or at the end
 */
const char *egs_fields_read(egs_fields *fields, const char *text, apr_pool_t *pool);

/** The first field of that name, in any letter case; NULL when there is none. */
const char *egs_fields_get(const egs_fields *fields, const char *name);

#endif
