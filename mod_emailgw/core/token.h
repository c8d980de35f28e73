/*
 * Small grammar of header fields that accepting and rendering must agree on:
 * field names, media types, content ids.
 */
#ifndef EG_TOKEN_H
#define EG_TOKEN_H

#include "eg.h"

/** A header field's name: printable ASCII but the colon, 1 to EG_FIELD_NAME_MAX bytes (RFC 5322 section 2.2). */
int eg_field_name_valid(const char *name);

typedef struct {
    const char *type, *subtype; /* lower case */
    const char *charset;        /* lower case, NULL without one */
} eg_media_type;

/**
 * type "/" subtype [";" charset "=" value], with tokens as RFC 2045 section 5.1
 * has them, the value also in quotes. Any other parameter is refused: it could
 * name a boundary or a file.
 * @return APR_EINVAL
 */
apr_status_t eg_media_type_parse(eg_media_type *media, const char *text, apr_pool_t *pool);

/** "type/subtype" or "type/subtype; charset=x", as it is stored. */
const char *eg_media_type_format(const eg_media_type *media, apr_pool_t *pool);

/**
 * Can it stand between angle brackets and in a cid: URL? Printable ASCII without
 * space, brackets, quotes, commas, colons, semicolons and backslashes, 1 to
 * EG_CONTENT_ID_MAX bytes: RFC 2392 section 2, leniently.
 */
int eg_content_id_valid(const char *id);

#endif
