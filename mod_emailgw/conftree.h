/* What directives of other modules say, as httpd has read them: for checks of the configuration. */
#ifndef EGM_CONFTREE_H
#define EGM_CONFTREE_H

#include <httpd.h>

/**
 * The argument of a directive that takes one, such as "DBDriver": the last one in this
 * virtual host or, where it has none, in the main server.
 * @return NULL where there is none
 */
const char *egm_conftree_argument(const server_rec *s, const char *name, apr_pool_t *pool);

#endif
