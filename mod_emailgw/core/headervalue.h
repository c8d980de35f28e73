/*
 * Values with parameters, as Content-Type and Content-Disposition have them (RFC
 * 2045 section 5.1). Pure.
 */
#ifndef EG_HEADERVALUE_H
#define EG_HEADERVALUE_H

#include <apr_tables.h>

#include "eg.h"

#define EG_HEADERVALUE_PARAMETERS_MAX 50

typedef struct {
    const char *name, *value; /* the name in lower case, the value without quotes */
} eg_parameter;

typedef struct {
    const char *word;               /* "text/html", "attachment": in lower case */
    apr_array_header_t *parameters; /* of eg_parameter, in the order given */
} eg_headervalue;

/**
 * @param text  the field's value, folded or not; comments are passed over
 * @return APR_EINVAL when it is no such value, a parameter stands twice with two values or
 *         there are more than EG_HEADERVALUE_PARAMETERS_MAX; the word is NULL then where
 *         it could not be read either
 */
apr_status_t eg_headervalue_parse(eg_headervalue *value, const char *text, apr_size_t length,
                                  apr_pool_t *pool);

/** A parameter by its name in lower case; NULL when it is not there. */
const char *eg_headervalue_get(const eg_headervalue *value, const char *name);

#endif
