/*
 * What in a mail's text is a link that can be tracked, and what stands for the
 * link to unsubscribe. Pure.
 */
#ifndef EGS_LINK_H
#define EGS_LINK_H

#include "eg.h"

/**
 * Bytes of the scheme and what parts it from the host, in any letter case:
 * "http://" or "https://". @return 0 when the text begins with neither
 */
apr_size_t egs_link_scheme(const char *text, apr_size_t length);

/**
 * Is it an absolute http or https URL that is complete? Not with a placeholder
 * in it, for somebody else is going to fill that in: {{name}}, {% name %},
 * %name%; nor with bytes that are no UTF-8, or control characters.
 */
int egs_link_is_tracked(const char *url, apr_size_t length);

/**
 * Bytes of {{unsubscribe}} at a place of a text, perhaps with blanks within the
 * braces; 0 when it is not there, or with a third brace.
 * @param start, end  of the text
 */
apr_size_t egs_link_unsubscribe(const char *at, const char *start, const char *end);

#endif
