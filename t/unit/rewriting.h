/* What the tests of the two ways to rewrite share: links that are told apart by a number. */
#ifndef REWRITING_H
#define REWRITING_H

#include <apr_strings.h>

#include "rewrite.h"
#include "text.h"

/* What was asked for, each in its own line. The n-th link becomes "Tn". */
typedef struct {
    egs_text asked;
    int count;
} links;

static const char *track(void *baton, const char *url, apr_pool_t *pool)
{
    links *seen = baton;

    egs_text_puts(&seen->asked, apr_pstrcat(pool, seen->count ? "\n" : "", url, NULL));
    return apr_psprintf(pool, "T%d", ++seen->count);
}

static egs_rewriting tracking(links *seen, apr_pool_t *pool)
{
    egs_text_init(&seen->asked, 100, pool);
    seen->count = 0;
    return (egs_rewriting){ .link = track, .baton = seen };
}

#endif
