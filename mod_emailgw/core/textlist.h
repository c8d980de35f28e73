/*
 * Lists of texts: arrays of const char *.
 */
#ifndef EG_TEXTLIST_H
#define EG_TEXTLIST_H

#include <apr_tables.h>

/** Is this text one of them, byte for byte? */
int eg_textlist_has(const apr_array_header_t *list, const char *text);

#endif
