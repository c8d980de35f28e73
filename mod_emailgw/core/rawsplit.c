#include "rawsplit.h"

#include <string.h>

#include "rawmail.h"

/* Where the next line begins; size when there is none. */
static apr_size_t next_line(const eg_rawsplit *split, apr_size_t at)
{
    const char *feed = memchr(split->data + at, '\n', split->size - at);

    return feed != NULL ? (apr_size_t)(feed - split->data) + 1 : split->size;
}

/*
 * Is this line the boundary's: with nothing behind it but blanks? A longer one is
 * another's, for some programs make that of an inner multipart by adding to the outer.
 */
static int is_delimiter(int *is_last, const eg_rawsplit *split, apr_size_t at)
{
    const char *line = split->data + at, *end = split->data + split->size;

    if ((apr_size_t)(end - line) < split->boundary_length + 2 || line[0] != '-' || line[1] != '-' ||
        memcmp(line + 2, split->boundary, split->boundary_length) != 0) {
        return 0;
    }
    line += 2 + split->boundary_length;
    *is_last = end - line >= 2 && line[0] == '-' && line[1] == '-';
    line += *is_last ? 2 : 0;
    while (line < end && (*line == ' ' || *line == '\t')) {
        line++;
    }
    return line == end || *line == '\n' || (*line == '\r' && end - line >= 2 && line[1] == '\n');
}

/* The next line of the boundary, from an offset on. @return 0 when there is none */
static int find_delimiter(apr_size_t *found, int *is_last, const eg_rawsplit *split, apr_size_t at)
{
    for (; at < split->size; at = next_line(split, at)) {
        if (is_delimiter(is_last, split, at)) {
            *found = at;
            return 1;
        }
    }
    return 0;
}

int eg_rawsplit_start(eg_rawsplit *split, const char *boundary, eg_bytes mail, apr_size_t body)
{
    int is_last;

    *split = (eg_rawsplit){
        .data = mail.data, .size = mail.size, .boundary = boundary, .boundary_length = strlen(boundary)
    };
    return split->boundary_length > 0 && split->boundary_length <= EG_RAW_BOUNDARY_MAX &&
           find_delimiter(&split->line, &is_last, split, body) && !is_last;
}

int eg_rawsplit_next(eg_rawsplit *split)
{
    apr_size_t at = next_line(split, split->line), line, end;
    int is_last;

    if (split->is_closed || !find_delimiter(&line, &is_last, split, at)) {
        return 0;
    }
    end = line - (line > at);
    end -= end > at && split->data[end - 1] == '\r';
    split->at = at;
    split->end = end;
    split->line = line;
    split->is_closed = is_last;
    return 1;
}

apr_size_t eg_rawsplit_rest(const eg_rawsplit *split)
{
    return next_line(split, split->line);
}
