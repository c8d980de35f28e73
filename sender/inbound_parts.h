/*
 * A mail taken apart: its header, and those of its parts that can say what
 * became of another mail. Pure; bounded in time and memory whatever the mail.
 *
 * GMime would make objects of as many parts as a mail has; here only the first
 * EGS_PARTS_MAX are looked at, to a depth of EGS_PARTS_DEPTH, and of each the
 * first EGS_PART_SIZE bytes.
 */
#ifndef EGS_INBOUND_PARTS_H
#define EGS_INBOUND_PARTS_H

#include "db.h"
#include "inbound_fields.h"

#define EGS_PARTS_MAX 32
#define EGS_PARTS_DEPTH 8
#define EGS_PART_SIZE 262144

typedef enum {
    EGS_PART_TEXT,     /* words for people, HTML without its tags */
    EGS_PART_STATUS,   /* message/delivery-status, RFC 3464 */
    EGS_PART_FEEDBACK, /* message/feedback-report, RFC 5965 */
    EGS_PART_MAIL      /* the mail in question or its header */
} egs_part_kind;

typedef struct {
    egs_part_kind kind;
    const char *text; /* decoded, LF at the ends of lines, UTF-8 where its charset is known */
} egs_part;

typedef struct {
    egs_fields header;
    const char *report; /* report-type of multipart/report in lower case, or "" */
    egs_part each[EGS_PARTS_MAX];
    int count;
    int seen; /* with those that are no good */
} egs_parts;

/** Once in a process, before all else here. */
void egs_parts_start(void);

/** Take a mail apart. What is broken is taken as far as it goes. */
void egs_parts_read(egs_parts *parts, eg_bytes mail, apr_pool_t *pool);

/** The first part of a kind, or NULL. */
const egs_part *egs_parts_first(const egs_parts *parts, egs_part_kind kind);

#endif
