/*
 * application/x-www-form-urlencoded, query strings and multipart/form-data to
 * the same JSON object that a JSON body would have given.
 *
 * PHP's bracket form nests: To[0][email]=a@b.example&Tags[]=x. Keys that are
 * all numbers make an array, in the order of the numbers, without gaps. A name
 * given twice without brackets is an error, as is a name that is both a value
 * and a container.
 */
#ifndef EG_FORM_H
#define EG_FORM_H

#include "json.h"

/**
 * @param object  members are added to it: strings, objects and arrays
 * @param problem  on APR_EINVAL: a sentence for the client
 * @return APR_EINVAL for a broken escape, invalid UTF-8, NUL, a name twice,
 *         more than EG_FORM_FIELDS_MAX fields or containers, or nesting over
 *         EG_JSON_DEPTH_MAX; object is then as it was
 */
apr_status_t eg_form_urlencoded(json_t *object, const char **problem, const char *text, apr_size_t length,
                                apr_pool_t *pool);

/**
 * RFC 7578. A part with a filename becomes {"filename", "type", "content"}
 * with the content in base64, as Attachments takes it.
 * A browser's empty file field is no field.
 * @param content_type  the header's whole value; its boundary parameter is used
 * @param length  at most EG_BODY_MAX_LIMIT
 */
apr_status_t eg_form_multipart(json_t *object, const char **problem, const char *content_type,
                               const char *body, apr_size_t length, apr_pool_t *pool);

#endif
