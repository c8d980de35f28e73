#include "smtp_content.h"

#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#define MEMORY (64 * 1024) /* octets: what is longer goes to the file */

typedef enum {
    AT_LINE,    /* after CRLF, or at the begin: only here may a dot be the end */
    AFTER_DOT,  /* a line that begins with one */
    DOT_AND_CR, /* ... and goes on with CR */
    IN_LINE,
    AFTER_CR
} place;

struct eg_smtp_content {
    apr_pool_t *pool;
    place at;
    apr_int64_t max, size; /* octets of the message */
    apr_int64_t keep_max;  /* octets of it that are kept */
    apr_int64_t come;      /* octets of all that came */
    apr_int64_t line;      /* octets of this line */
    int spoilt, long_line; /* what was seen */
    apr_status_t kept;     /* other than APR_SUCCESS: what comes is kept no more */
    char *memory;          /* MEMORY octets */
    apr_size_t used;       /* of memory */
    apr_file_t *file;      /* what came before that; NULL: nothing */
    char *whole;           /* all of it, made by eg_smtp_content_read where there is a file */
};

eg_smtp_content *eg_smtp_content_make(apr_int64_t max, apr_int64_t keep_max, apr_pool_t *pool)
{
    eg_smtp_content *content = apr_pcalloc(pool, sizeof *content);

    content->pool = pool;
    content->max = max;
    content->keep_max = keep_max;
    content->memory = apr_palloc(pool, MEMORY);
    return content;
}

/* ---- keeping ----------------------------------------------------------------------------------- */

/* Its name goes at once: whatever becomes of the process, nothing stays behind. */
static apr_status_t open_file(eg_smtp_content *content)
{
    const char *folder;
    char *name;
    apr_status_t rv = apr_temp_dir_get(&folder, content->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    name = apr_pstrcat(content->pool, folder, "/emailgw-mail.XXXXXX", NULL);
    rv = apr_file_mktemp(&content->file, name,
                         APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE | APR_FOPEN_EXCL |
                             APR_FOPEN_BINARY,
                         content->pool);
    return rv == APR_SUCCESS ? apr_file_remove(name, content->pool) : rv;
}

static apr_status_t empty_memory(eg_smtp_content *content)
{
    apr_status_t rv = content->file == NULL ? open_file(content) : APR_SUCCESS;

    if (rv == APR_SUCCESS) {
        rv = apr_file_write_full(content->file, content->memory, content->used, NULL);
    }
    content->used = 0;
    return rv;
}

/* @param size  of what comes. @return octets of it that there is to be kept */
static apr_size_t take_size(eg_smtp_content *content, apr_size_t size)
{
    apr_int64_t kept = eg_smtp_content_size(content), more;

    content->size += (apr_int64_t)size;
    more = eg_smtp_content_size(content) - kept;
    return content->size > content->max || content->spoilt ? 0 : (apr_size_t)more;
}

static void keep(eg_smtp_content *content, const char *data, apr_size_t size)
{
    size = take_size(content, size);
    while (size > 0 && content->kept == APR_SUCCESS) {
        apr_size_t part = MEMORY - content->used < size ? MEMORY - content->used : size;

        memcpy(content->memory + content->used, data, part);
        content->used += part;
        data += part;
        size -= part;
        if (content->used == MEMORY) {
            content->kept = empty_memory(content);
        }
    }
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* Octets from here on that mean nothing but themselves. */
static apr_size_t plain_octets(const char *data, apr_size_t size)
{
    apr_size_t i = 0;

    while (i < size && data[i] != '\r' && data[i] != '\n' && data[i] != '\0') {
        i++;
    }
    return i;
}

static void take_plain(eg_smtp_content *content, const char *data, apr_size_t size)
{
    keep(content, data, size);
    content->line += (apr_int64_t)size;
    content->long_line |= content->line > EG_SMTP_TEXT_LINE_MAX;
    content->at = IN_LINE;
}

static void end_line(eg_smtp_content *content)
{
    keep(content, "\r\n", 2);
    content->line = 0;
    content->at = AT_LINE;
}

/* CR, LF or NUL. @return 1 when it is the last octet of the mail */
static int take_special(eg_smtp_content *content, char octet)
{
    int after_cr = content->at == AFTER_CR || content->at == DOT_AND_CR;

    if (octet == '\n' && content->at == DOT_AND_CR) {
        return 1;
    }
    if (octet == '\n' && content->at == AFTER_CR) {
        end_line(content);
        return 0;
    }
    content->spoilt |= after_cr || octet != '\r';
    if (octet != '\r') {
        content->at = IN_LINE;
    }
    else {
        content->at = content->at == AFTER_DOT ? DOT_AND_CR : AFTER_CR;
    }
    return 0;
}

apr_size_t eg_smtp_content_feed(eg_smtp_content *content, int *end, const char *data, apr_size_t size)
{
    apr_size_t i = 0;

    *end = 0;
    while (i < size && !*end) {
        apr_size_t plain = plain_octets(data + i, size - i);

        if (plain == 0) {
            *end = take_special(content, data[i]);
            i++;
        }
        else if (content->at == AT_LINE && data[i] == '.') {
            content->at = AFTER_DOT;
            i++;
        }
        else {
            content->spoilt |= content->at == AFTER_CR || content->at == DOT_AND_CR;
            take_plain(content, data + i, plain);
            i += plain;
        }
    }
    content->come += (apr_int64_t)i;
    return i;
}

/* ---- afterwards ---------------------------------------------------------------------------------- */

int eg_smtp_content_is_endless(const eg_smtp_content *content)
{
    return content->come > 2 * content->max;
}

eg_smtp_fault eg_smtp_content_fault(const eg_smtp_content *content, int any_length)
{
    if (content->spoilt) {
        return EG_SMTP_CONTENT_SPOILT;
    }
    if (content->size > content->max) {
        return EG_SMTP_CONTENT_TOO_LARGE;
    }
    if (content->long_line && !any_length) {
        return EG_SMTP_CONTENT_LONG_LINE;
    }
    return content->kept == APR_SUCCESS ? EG_SMTP_CONTENT_GOOD : EG_SMTP_CONTENT_NO_ROOM;
}

apr_int64_t eg_smtp_content_size(const eg_smtp_content *content)
{
    return content->size < content->keep_max ? content->size : content->keep_max;
}

static apr_status_t free_whole(void *data)
{
    free(((eg_smtp_content *)data)->whole);
    return APR_SUCCESS;
}

/* File and memory as one. Not of the pool, which would keep so much for later. */
static apr_status_t make_whole(eg_smtp_content *content)
{
    apr_size_t size = (apr_size_t)eg_smtp_content_size(content);
    apr_off_t begin = 0;
    apr_status_t rv = apr_file_seek(content->file, APR_SET, &begin);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    content->whole = malloc(size);
    if (content->whole == NULL) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(content->pool, content, free_whole, apr_pool_cleanup_null);
    memcpy(content->whole + size - content->used, content->memory, content->used);
    return apr_file_read_full(content->file, content->whole, size - content->used, NULL);
}

apr_status_t eg_smtp_content_read(eg_bytes *message, eg_smtp_content *content)
{
    apr_status_t rv = content->file != NULL ? make_whole(content) : APR_SUCCESS;

    if (rv == APR_SUCCESS) {
        *message = (eg_bytes){ content->file != NULL ? content->whole : content->memory,
                               (apr_size_t)eg_smtp_content_size(content) };
    }
    return rv;
}
