/*
 * A mail as its client wrote it, taken apart by offsets: header fields and the tree
 * of MIME parts (RFC 5322 section 2.2, RFC 2046 section 5.1). Nothing is decoded and
 * nothing is copied, so all of it that is not changed stays byte for byte. Pure, and
 * bounded in time and memory whatever the mail.
 *
 * What is below multipart/signed, multipart/encrypted and message/ is not looked
 * into: it must go as it came (RFC 1847 section 2.1, RFC 2046 section 5.2.1). A mail
 * whose structure is broken in any place is one body that is not looked into either,
 * and so is a part with a type that cannot be read but may be one of those.
 */
#ifndef EG_RAWMAIL_H
#define EG_RAWMAIL_H

#include <apr_tables.h>

#include "db.h"

#define EG_RAW_HEADER_MAX 262144 /* bytes of a header */
#define EG_RAW_FIELDS_MAX 1000   /* fields of a header */
#define EG_RAW_PARTS_MAX 500
#define EG_RAW_DEPTH_MAX 20
#define EG_RAW_BOUNDARY_MAX 200 /* bytes; RFC 2046 section 5.1.1 has 70 */

/** All are offsets in the mail. */
typedef struct {
    apr_size_t at;    /* of its name */
    apr_size_t colon; /* behind the name and the blanks that may stand there */
    apr_size_t end;   /* behind the end of its last line */
} eg_rawfield;

/** How the body of a part is written. */
typedef enum {
    EG_RAW_PLAIN, /* 7bit, 8bit, binary, or not said */
    EG_RAW_QUOTED_PRINTABLE,
    EG_RAW_BASE64,
    EG_RAW_UNKNOWN
} eg_rawcode;

typedef struct {
    apr_size_t at;              /* of its header */
    apr_size_t header_end;      /* behind its last field */
    apr_size_t body, end;       /* of its body: the line end before a boundary is not part of it */
    apr_array_header_t *fields; /* of eg_rawfield */
    const char *type;           /* lower case; without one as RFC 2046 has it; "" where it cannot be read */
    const char *charset;        /* lower case, or NULL */
    eg_rawcode code;
    int type_given;
    int is_attachment; /* said to be one, or with the name of a file */
    int is_fixed;      /* its body goes as it came */
    int is_multipart;  /* and taken apart: its parts come behind it */
} eg_rawpart;

typedef struct {
    eg_bytes bytes;
    apr_array_header_t *parts; /* of eg_rawpart, in the order of the mail; the first is the mail itself */
    int is_open;               /* by eg_rawmail_open */
} eg_rawmail;

/**
 * @param bytes  line ends are CRLF; kept, not copied
 * @param problem  on failure: a sentence without the mail's own words
 * @return APR_EINVAL when it has no header, or one that is none or over the bounds
 */
apr_status_t eg_rawmail_parse(eg_rawmail *mail, const char **problem, eg_bytes bytes, apr_pool_t *pool);

/**
 * The same for whoever must look through all that readers are shown: multiparts that are
 * signed are looked into too, those that are said to be encoded as well (RFC 2045 section
 * 6.4 forbids it, and many readers take no notice), and so is what there is of a structure
 * that is broken. Of fields that may stand once the first holds.
 */
apr_status_t eg_rawmail_open(eg_rawmail *mail, const char **problem, eg_bytes bytes, apr_pool_t *pool);

static inline const eg_rawpart *eg_rawmail_part(const eg_rawmail *mail, int i)
{
    return &APR_ARRAY_IDX(mail->parts, i, eg_rawpart);
}

static inline const eg_rawfield *eg_rawpart_field(const eg_rawpart *part, int i)
{
    return &APR_ARRAY_IDX(part->fields, i, eg_rawfield);
}

/** Has a field this name, letter case ignored? With a * at its end: does its name begin so? */
int eg_rawfield_is(const eg_rawmail *mail, const eg_rawfield *field, const char *name);

/** The first field of that name in a part's header, or NULL. */
const eg_rawfield *eg_rawpart_find(const eg_rawmail *mail, const eg_rawpart *part, const char *name);

/** How many fields have that name. */
int eg_rawpart_count(const eg_rawmail *mail, const eg_rawpart *part, const char *name);

/** What stands behind a field's colon: in one line, without blanks at its ends, a NUL as a blank. */
const char *eg_rawfield_value(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool);

/** Does nothing but blanks stand behind a field's colon? */
int eg_rawfield_is_empty(const eg_rawmail *mail, const eg_rawfield *field);

/** Bytes from offset at to offset end. */
static inline eg_bytes eg_rawmail_range(const eg_rawmail *mail, apr_size_t at, apr_size_t end)
{
    return (eg_bytes){ (const char *)mail->bytes.data + at, end - at };
}

#endif
