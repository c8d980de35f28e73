#include "conftree.h"

#include <string.h>
#include <strings.h>

#include <http_config.h>
#include <util_cfgtree.h>

/* The contents of its <VirtualHost>: httpd notes where that begins. */
static const ap_directive_t *contents_of(const server_rec *s)
{
    for (const ap_directive_t *at = ap_conftree; at != NULL; at = at->next) {
        if (strcasecmp(at->directive, "<VirtualHost") == 0 && at->line_num == (int)s->defn_line_number &&
            s->defn_name != NULL && strcmp(at->filename, s->defn_name) == 0) {
            return at->first_child;
        }
    }
    return NULL;
}

static const ap_directive_t *last_of(const ap_directive_t *contents, const char *name)
{
    const ap_directive_t *last = NULL;

    for (const ap_directive_t *at = contents; at != NULL; at = at->next) {
        if (strcasecmp(at->directive, name) == 0) {
            last = at;
        }
    }
    return last;
}

const char *egm_conftree_argument(const server_rec *s, const char *name, apr_pool_t *pool)
{
    const ap_directive_t *found = s->is_virtual ? last_of(contents_of(s), name) : NULL;
    const char *arguments;

    if (found == NULL) {
        found = last_of(ap_conftree, name);
    }
    if (found == NULL) {
        return NULL;
    }
    arguments = found->args;
    return ap_getword_conf(pool, &arguments);
}
