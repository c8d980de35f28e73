/*
 * Files of certificates (PEM) that options name.
 */
#ifndef EGS_CAFILE_H
#define EGS_CAFILE_H

#include "eg.h"

/**
 * Are there certificates in the file?
 * @param option  what names it, for problem
 * @param path  NULL: none is named, and that is good
 * @param problem  on APR_EINVAL: a sentence for the operator
 */
apr_status_t egs_cafile_check(const char **problem, const char *option, const char *path, apr_pool_t *pool);

#endif
