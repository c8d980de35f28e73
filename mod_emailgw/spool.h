/*
 * Lines that wait in files until they can be handed on: what was answered while the
 * database was away. Knows neither httpd nor the database.
 *
 * A file is written by one process, appended line by line, and read when that one has
 * closed it or died: whoever has a file open for either holds a lock on it (flock),
 * which the kernel takes back from the dead. A file goes when all of its lines were
 * handed on; if the reader dies before that, they are handed on again.
 */
#ifndef EG_SPOOL_H
#define EG_SPOOL_H

#include <apr_tables.h>

#include "eg.h"

#define EG_SPOOL_FILE_MAX (4 * 1024 * 1024) /* bytes after which another file is begun */
#define EG_SPOOL_REFUSED ".refused"
#define EG_SPOOL_FULL (APR_OS_START_USERERR + 10)

typedef struct eg_spool eg_spool;

/** One process's way into a directory that is there; for any number of its threads. */
apr_status_t eg_spool_make(eg_spool **spool, const char *directory, apr_pool_t *pool);

/**
 * Append a line.
 * @param name  whose line it is: lines of different names are in different files
 * @param line  with its line feed
 * @param durable  it is on disk when this returns
 * @param max  bytes that all files in the directory may have with it, or a little more
 *        where several processes write
 * @return EG_SPOOL_FULL when they would have more: nothing was written. An error of the
 *         system: the line may be lost
 */
apr_status_t eg_spool_add(eg_spool *spool, const char *name, const char *line, int durable, apr_int64_t max);

/** Close what this process writes, so that it can be read. */
void eg_spool_close(eg_spool *spool);

/**
 * Is there anything to be read, also of what is being written?
 * @param names  of whom, of const char *; NULL: of anybody
 */
int eg_spool_waits(eg_spool *spool, const apr_array_header_t *names, apr_pool_t *pool);

typedef struct {
    const char *path;
    const char *name; /* whose lines they are */
    const char *text; /* whole lines */
    apr_size_t length;
} eg_spool_file;

/**
 * Takes what a file has.
 * @return other than APR_SUCCESS: it comes again later. APR_EINVAL: never, but the
 *         file is kept under another name, with EG_SPOOL_REFUSED behind it
 */
typedef apr_status_t eg_spool_reader(void *baton, const eg_spool_file *file, apr_pool_t *pool);

/**
 * Hand on the files that nobody has open, oldest first, those of a name until the
 * reader fails.
 * @param names  of whom, of const char *; NULL: of anybody
 */
void eg_spool_read(eg_spool *spool, const apr_array_header_t *names, eg_spool_reader *reader, void *baton,
                   apr_pool_t *pool);

#endif
