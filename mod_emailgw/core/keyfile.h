/*
 * Files that hold keys: made whole or not at all, read only where nobody else can.
 */
#ifndef EG_KEYFILE_H
#define EG_KEYFILE_H

#include "eg.h"

/**
 * Make a file that is not there, mode 0600. Whoever finds it, also after a
 * crash, finds all of it; it is on the disk when this returns.
 * @return APR_EEXIST when path is there
 */
apr_status_t eg_keyfile_create(const char *path, const char *text, apr_pool_t *pool);

/** The same in place of what is there, whose owner stays. */
apr_status_t eg_keyfile_replace(const char *path, const char *text, apr_pool_t *pool);

/** The same for what everybody may read, mode 0644. */
apr_status_t eg_keyfile_replace_public(const char *path, const char *text, apr_pool_t *pool);

/**
 * A small text file, wiped when the pool is cleared.
 * @param private  refuse it when others than its owner may read or write it
 * @param problem  on failure: a sentence that names the file
 */
apr_status_t eg_keyfile_read(const char **text, const char **problem, const char *path, int private,
                             apr_pool_t *pool);

/** size bytes from 2 * size hex digits at text. @return APR_EINVAL for anything else than a digit */
apr_status_t eg_keyfile_unhex(unsigned char *data, apr_size_t size, const char *text);

/** size bytes as hex digits into text, which holds 2 * size + 1 characters. */
void eg_keyfile_hex(char *text, const unsigned char *data, apr_size_t size);

/** Have size bytes at data overwritten when the pool is cleared. */
void eg_keyfile_wipe_with(apr_pool_t *pool, void *data, apr_size_t size);

#endif
