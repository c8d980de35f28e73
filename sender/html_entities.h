/*
 * Character references as they are read in attributes (HTML standard sections
 * 13.2.5.72 to 13.2.5.80). Pure.
 */
#ifndef EGS_HTML_ENTITIES_H
#define EGS_HTML_ENTITIES_H

#include "text.h"

/**
 * Append an attribute's value, its character references decoded once. Known by
 * name are those of HTML 4, those of ASCII characters and all that need no
 * semicolon: what addresses are written with, and a seventh of what there is.
 * @return APR_EINVAL when another name stands there with a semicolon: what the
 *         value means is not known then
 */
apr_status_t egs_html_entities_decode(egs_text *decoded, const char *value, apr_size_t length);

#endif
