/*
 * application/x-www-form-urlencoded, query strings and multipart/form-data to
 * the same JSON object that a JSON body would have given.
 *
 * PHP's bracket form nests: To[0][email]=a@b.example&Tags[]=x. A name given
 * twice without brackets is an error, as is a name that is both a value and
 * a container.
 */
#ifndef EG_FORM_H
#define EG_FORM_H

#include "json.h"

/**
 * @param object  members are added to it: strings, objects and arrays
 * @param problem  on APR_EINVAL: a sentence for the client
 * @return APR_EINVAL for a broken escape, invalid UTF-8, NUL, a name twice,
 *         more than EG_FORM_FIELDS_MAX fields or nesting over EG_JSON_DEPTH_MAX
 */
apr_status_t eg_form_urlencoded(json_t *object, const char **problem, const char *text, apr_size_t length,
                                apr_pool_t *pool);

/**
 * RFC 7578. A part with a filename becomes {"filename", "type", "content"}
 * with the content in base64, as Attachments takes it.
 * @param content_type  the header's whole value; its boundary parameter is used
 */
apr_status_t eg_form_multipart(json_t *object, const char **problem, const char *content_type,
                               const char *body, apr_size_t length, apr_pool_t *pool);

#endif
