/*
 * Templates: text with {{ field }} and {{{ field }}} in it, filled in for one
 * recipient. No database, no httpd. Linear in time. Pure.
 *
 * A field is a name, or names with dots between them for what stands within
 * objects: letters, digits, "_" and "-", up to EG_TEMPLATE_FIELD_MAX bytes.
 * {{unsubscribe}} stays as it is, in whatever braces it stands: the sender makes
 * a link of it. Nothing else means anything.
 */
#ifndef EG_TEMPLATE_H
#define EG_TEMPLATE_H

#include <jansson.h>

#include "eg.h"

#define EG_TEMPLATE_FIELD_MAX 128 /* bytes of a field with its dots */
#define EG_TEMPLATE_SCOPES 3      /* places where a field is looked for */

/** What a template becomes: its values must not be more in it than text. */
typedef enum {
    EG_TEMPLATE_LINE, /* a subject: each control character of a value, CR and LF too, is a space */
    EG_TEMPLATE_HTML, /* {{ }} escapes < > & " ' and the brace; {{{ }}} does not */
    EG_TEMPLATE_PLAIN /* values as they are */
} eg_template_kind;

/** Where fields are looked for: in each object in turn, until one has it; NULL has none. */
typedef struct {
    const json_t *scopes[EG_TEMPLATE_SCOPES];
} eg_template_fields;

/** Where a template is broken, and why. */
typedef struct {
    int line, column; /* from 1 on; a column is a byte */
    const char *problem;
} eg_template_fault;

/**
 * Is this a template?
 * @param fault  set on APR_EINVAL
 * @param text  UTF-8
 */
apr_status_t eg_template_check(eg_template_fault *fault, const char *text);

/**
 * Fill a template in. A field is the value of the first scope that has it other
 * than as null: text, number or boolean; an object and an array, like what is
 * missing, are nothing.
 * @param out  set on success; ends with NUL
 * @param text  as eg_template_check takes it
 * @param max  bytes that it may become; a line is cut there, between characters
 * @return APR_EINVAL for what is no template, APR_ENOSPC where it becomes longer
 */
apr_status_t eg_template_fill(const char **out, const char *text, eg_template_kind kind,
                              const eg_template_fields *fields, apr_size_t max, apr_pool_t *pool);

#endif
