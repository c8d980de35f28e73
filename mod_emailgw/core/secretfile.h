/*
 * Another key for the secret file, in two steps: first all who read the file learn of
 * it, then it is used. So nobody ever meets what was made with a key that they lack.
 */
#ifndef EG_SECRETFILE_H
#define EG_SECRETFILE_H

#include "eg.h"

/** What the file has, by its lines. */
typedef struct {
    int current; /* id of the key in use */
    int next;    /* id of the one that is to follow it, in the last line; 0: none */
} eg_secretfile;

/**
 * Look at a file that eg_secret_load has taken.
 * @param problem  on failure: a sentence that names the file
 */
apr_status_t eg_secretfile_read(eg_secretfile *file, const char **problem, const char *path,
                                apr_pool_t *pool);

/**
 * Add a new key as the last line. Those whose MACs have ended stay: erased addresses
 * are known by them.
 * @param problem  on failure: a sentence that names the file
 */
apr_status_t eg_secretfile_add(const char **problem, const char *path, apr_pool_t *pool);

/**
 * Have the key that is to follow used, of which there must be one: it becomes the first line. MACs of the former ones
 * hold until the given day (UTC), or theirs where they have one.
 * @param problem  on failure: a sentence that names the file
 */
apr_status_t eg_secretfile_use(const char **problem, const char *path, apr_time_t until, apr_pool_t *pool);

#endif
