/*
 * Form fields with bracket names to nested JSON: a[b]=1&a[c][]=2 is
 * {"a": {"b": "1", "c": ["2"]}}.
 */
#ifndef EG_FORMTREE_H
#define EG_FORMTREE_H

#include "json.h"

typedef struct eg_formtree eg_formtree;

eg_formtree *eg_formtree_make(apr_pool_t *pool);

/**
 * Add a field. Keys between brackets: none appends, others name a member.
 * @param name  UTF-8 without NUL
 * @param value  a new reference, which the tree takes over even on failure
 * @param problem  on APR_EINVAL: a sentence for the client
 * @return APR_EINVAL for a broken name, a name given twice, one that is both a
 *         value and a container, and over the limits of eg_form_urlencoded
 */
apr_status_t eg_formtree_put(eg_formtree *tree, const char **problem, const char *name, json_t *value);

/**
 * Add all fields to an object. Containers whose keys are all numbers become
 * arrays in the order of the numbers; gaps close up.
 * @return APR_EINVAL when it has one of the names; then it is as it was
 */
apr_status_t eg_formtree_finish(json_t *object, const char **problem, eg_formtree *tree);

#endif
