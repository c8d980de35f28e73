/*
 * "v=DKIM1; k=rsa; p=...": the lists of tags in DKIM and DMARC records (RFC 6376 section 3.2).
 */
#ifndef EG_TAGLIST_H
#define EG_TAGLIST_H

#include <apr_tables.h>

#include "eg.h"

#define EG_TAGLIST_MAX 64 /* tags of one list */

typedef struct {
    const char *name, *value; /* without blanks around them; those within a value stay */
} eg_tag;

/**
 * @param tags  of eg_tag, in the order given
 * @return APR_EINVAL when it is no such list: bytes that are not printable ASCII, a tag
 *         without a name or "=", one that stands twice, more than EG_TAGLIST_MAX
 */
apr_status_t eg_taglist_parse(apr_array_header_t **tags, const char *text, apr_size_t length,
                              apr_pool_t *pool);

/** Names compare with regard to letter case. NULL when it is not there. */
const char *eg_taglist_get(const apr_array_header_t *tags, const char *name);

/** Does the list begin with this tag, at this value ("v", "DKIM1")? */
int eg_taglist_begins(const apr_array_header_t *tags, const char *name, const char *value);

/** Is this word among those of a value with colons between them ("email:*")? */
int eg_taglist_has_word(const char *value, const char *word);

#endif
