/*
 * jansson values owned by a pool; caps on size and depth.
 */
#ifndef EG_JSON_H
#define EG_JSON_H

#include <jansson.h>

#include "eg.h"

/**
 * Parse a JSON text of any kind. Refused: invalid syntax or UTF-8, NUL in a
 * string, nesting over EG_JSON_DEPTH_MAX, more values than EG_JSON_VALUES_MAX,
 * a key twice in one object (RFC 8259 section 4 leaves that open: here it is
 * an error).
 * @param value  decreffed with the pool
 * @param problem  on APR_EINVAL: a sentence for the client, with line and column
 */
apr_status_t eg_json_parse(json_t **value, const char **problem, const char *text, apr_size_t length,
                           apr_pool_t *pool);

/** The same with another cap on values than EG_JSON_VALUES_MAX. */
apr_status_t eg_json_parse_many(json_t **value, const char **problem, const char *text, apr_size_t length,
                                apr_size_t values_max, apr_pool_t *pool);

/** A text that was stored as JSON; NULL where there is none, and for what nobody would have stored. */
json_t *eg_json_stored(const char *text, apr_pool_t *pool);

/** How many values a text has, as the cap counts them: names of members are some, too. Reads it to its end. */
apr_size_t eg_json_values(const char *text, apr_size_t length);

/** Hand a value over to the pool, which decrefs it. Returns it. */
json_t *eg_json_own(json_t *value, apr_pool_t *pool);

/**
 * A member by name, letter case ignored (ASCII). NULL when absent or when
 * object is no object. Two spellings of one name are found by eg_json_twice.
 */
json_t *eg_json_get(const json_t *object, const char *name);

/** The name of a member that is there in two spellings ("Subject", "SUBJECT"), or NULL. */
const char *eg_json_twice(const json_t *object);

/**
 * A number or decimal string as a whole number, as the API takes ids and
 * counts: "12", 12. Not " 12", "+1", "1e3", 1.5, true.
 * @return APR_EINVAL when it is anything else or outside min..max
 */
apr_status_t eg_json_int(apr_int64_t *number, const json_t *value, apr_int64_t min, apr_int64_t max);

/**
 * A boolean in any of its usual spellings: true, false, 1, 0, "1", "0",
 * "true", "false", "yes", "no", "on", "off" in any letter case.
 */
apr_status_t eg_json_bool(int *flag, const json_t *value);

/** Compact text of a value, freed with the pool; reals with 15 digits, so that 0.1 stays 0.1. */
const char *eg_json_text(const json_t *value, apr_pool_t *pool);

#endif
