/*
 * The parts of a multipart, one after the other (RFC 2046 section 5.1.1). Pure.
 */
#ifndef EG_RAWSPLIT_H
#define EG_RAWSPLIT_H

#include "db.h"

typedef struct {
    apr_size_t at, end; /* of the part found last, its header included */
    int is_closed;      /* behind the last part the mark of the end was found */
    /* its own */
    const char *data, *boundary;
    apr_size_t size, line, boundary_length;
} eg_rawsplit;

/**
 * @param mail  to the end of the multipart
 * @param body  offset at which the multipart's body begins
 * @return 0 when the boundary is none, or stands nowhere
 */
int eg_rawsplit_start(eg_rawsplit *split, const char *boundary, eg_bytes mail, apr_size_t body);

/** The next part. @return 0 when there is none */
int eg_rawsplit_next(eg_rawsplit *split);

/** Where the last part begins, when no mark of the end is there: it goes on to the end of all. */
apr_size_t eg_rawsplit_rest(const eg_rawsplit *split);

#endif
