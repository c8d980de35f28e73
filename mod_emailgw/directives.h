/*
 * The table of directives: where each value is kept, and how the values of two
 * levels make one.
 */
#ifndef EGM_DIRECTIVES_H
#define EGM_DIRECTIVES_H

#include <httpd.h>
#include <http_config.h>

#include "config.h"

/** How a value goes with one that an outer level has set. Unset values take no part. */
typedef enum {
    EGM_RULE_INNER, /* the inner one counts: a choice that opens nothing, or the admin's alone */
    EGM_RULE_LEAST, /* the lower number counts */
    EGM_RULE_OFF,   /* Off counts */
    EGM_RULE_COMMON /* what is in both lists of origins counts */
} egm_rule;

/** What a directive's row in the table points to. */
typedef struct {
    apr_size_t offset, size;        /* of the member of egm_settings */
    egm_rule rule;                  /* between directories, and between them and their server */
    apr_int64_t min, max;           /* of a number */
    const char *unit;               /* of a number; NULL: "a whole number" */
    const char *shortest, *longest; /* of a time, as a user writes it */
    const char *example;            /* of a list */
} egm_slot;

/** Ends with a NULL name; cmd_data is an egm_slot. */
extern const command_rec egm_directives[];

#endif
