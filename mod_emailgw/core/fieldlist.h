/*
 * Header fields as mails are stored with them: an array of [name, value].
 */
#ifndef EG_FIELDLIST_H
#define EG_FIELDLIST_H

#include <jansson.h>

/** Is it this field, letter case ignored? @param pattern  a trailing * stands for any rest */
int eg_field_is(const char *name, const char *pattern);

/** Is there such a field? @param fields  NULL: there is none */
int eg_fieldlist_has(const json_t *fields, const char *pattern);

#endif
