/* Form fields with bracket names to nested JSON. */
#include "formtree.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "utf8.h"

#define INDEX_DIGITS_MAX 9

/* A JSON object that brackets made, as long as the form is read. */
typedef struct {
    json_t *object;
    int next; /* the index that [] takes: one above the highest so far */
} container;

struct eg_formtree {
    apr_pool_t *pool;
    container *root;
    apr_hash_t *containers; /* by their object's address */
    int fields;
};

static container *add_container(eg_formtree *tree, json_t *object)
{
    container *added = apr_pcalloc(tree->pool, sizeof *added);

    added->object = object;
    apr_hash_set(tree->containers, &added->object, sizeof added->object, added);
    return added;
}

eg_formtree *eg_formtree_make(apr_pool_t *pool)
{
    eg_formtree *tree = apr_pcalloc(pool, sizeof *tree);

    tree->pool = pool;
    tree->containers = apr_hash_make(pool);
    tree->root = add_container(tree, eg_json_own(json_object(), pool));
    return tree;
}

/* Like sentence with the field's name, of which the client sees no more than an excerpt. */
static apr_status_t complain(eg_formtree *tree, const char **problem, const char *name, const char *sentence)
{
    *problem = apr_psprintf(tree->pool, "The form field \"%s\" %s",
                            eg_utf8_excerpt(name, strlen(name), tree->pool), sentence);
    return APR_EINVAL;
}

/* An array index as it is usually written, or -1: "07" and "1e3" are names. */
static int read_index(const char *key)
{
    size_t length = strspn(key, "0123456789");

    if (length == 0 || length > INDEX_DIGITS_MAX || key[length] != '\0' || (key[0] == '0' && length > 1)) {
        return -1;
    }
    return atoi(key);
}

/* The key that a bracket names in its container: [] is the next index. */
static const char *resolve_key(eg_formtree *tree, container *parent, const char *key)
{
    int index;

    if (parent != tree->root && *key == '\0') {
        key = apr_itoa(tree->pool, parent->next);
    }
    index = read_index(key);
    if (index >= parent->next) {
        parent->next = index + 1;
    }
    return key;
}

/* Split "a[b][]" into its keys "a", "b", "". */
static apr_status_t split_name(apr_array_header_t **keys, eg_formtree *tree, const char **problem,
                               const char *name)
{
    apr_size_t length = strcspn(name, "[]");
    const char *at = name + length;

    if (length == 0) {
        return complain(tree, problem, name, "has no name in front of its brackets");
    }
    *keys = apr_array_make(tree->pool, 4, sizeof(const char *));
    APR_ARRAY_PUSH(*keys, const char *) = apr_pstrmemdup(tree->pool, name, length);
    while (*at == '[') {
        length = strcspn(at + 1, "[]");
        if (at[1 + length] != ']') {
            return complain(tree, problem, name, "has a bracket that is not closed");
        }
        if ((*keys)->nelts == EG_JSON_DEPTH_MAX) {
            return complain(tree, problem, name,
                            "is nested more than " APR_STRINGIFY(EG_JSON_DEPTH_MAX) " levels deep");
        }
        APR_ARRAY_PUSH(*keys, const char *) = apr_pstrmemdup(tree->pool, at + 1, length);
        at += length + 2;
    }
    return *at == '\0' ? APR_SUCCESS
                       : complain(tree, problem, name, "has text behind or between its brackets");
}

static container *find_container(const eg_formtree *tree, json_t *value)
{
    return apr_hash_get(tree->containers, &value, sizeof value);
}

/* The container that key names in parent, made where it is missing. */
static apr_status_t descend(container **child, eg_formtree *tree, const char **problem, const char *name,
                            container *parent, const char *key)
{
    json_t *value = json_object_get(parent->object, key);

    if (value != NULL) {
        *child = find_container(tree, value);
        return *child != NULL
                   ? APR_SUCCESS
                   : complain(tree, problem, name, "is given both with and without further brackets");
    }
    if (apr_hash_count(tree->containers) > EG_FORM_FIELDS_MAX) {
        *problem =
            apr_psprintf(tree->pool, "The form nests more than %d objects and arrays", EG_FORM_FIELDS_MAX);
        return APR_EINVAL;
    }
    value = json_object();
    if (json_object_set_new(parent->object, key, value) != 0) {
        return APR_ENOMEM;
    }
    *child = add_container(tree, value);
    return APR_SUCCESS;
}

static apr_status_t put_value(eg_formtree *tree, const char **problem, const char *name, json_t *value)
{
    container *parent = tree->root;
    apr_array_header_t *keys;
    const char *key = NULL;
    json_t *there;
    apr_status_t rv;

    if (++tree->fields > EG_FORM_FIELDS_MAX) {
        *problem = apr_psprintf(tree->pool, "The form has more than %d fields", EG_FORM_FIELDS_MAX);
        return APR_EINVAL;
    }
    rv = split_name(&keys, tree, problem, name);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i < keys->nelts; i++) {
        key = resolve_key(tree, parent, APR_ARRAY_IDX(keys, i, const char *));
        if (i < keys->nelts - 1) {
            rv = descend(&parent, tree, problem, name, parent, key);
            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
    }
    there = json_object_get(parent->object, key);
    if (there != NULL) {
        return complain(tree, problem, name,
                        find_container(tree, there) != NULL
                            ? "is given both with and without further brackets"
                            : "is given twice");
    }
    return json_object_set(parent->object, key, value) == 0 ? APR_SUCCESS : APR_ENOMEM;
}

apr_status_t eg_formtree_put(eg_formtree *tree, const char **problem, const char *name, json_t *value)
{
    apr_status_t rv = value != NULL ? put_value(tree, problem, name, value) : APR_ENOMEM;

    json_decref(value);
    return rv;
}

typedef struct {
    int index;
    json_t *value;
} element;

static int compare_elements(const void *a, const void *b)
{
    return ((const element *)a)->index - ((const element *)b)->index;
}

/* A new array of an object's members in the order of their numbers; NULL when other names are among them. */
static json_t *to_array(json_t *object, apr_pool_t *pool)
{
    element *elements = apr_palloc(pool, json_object_size(object) * sizeof *elements);
    size_t count = 0;
    const char *key;
    json_t *value, *array;

    json_object_foreach(object, key, value)
    {
        elements[count].index = read_index(key);
        elements[count].value = value;
        if (elements[count++].index < 0) {
            return NULL;
        }
    }
    qsort(elements, count, sizeof *elements, compare_elements);
    array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(array, elements[i].value);
    }
    return array;
}

/*
 * Turn the containers in object into arrays where their keys say so, innermost
 * first. No member is looked up after it was replaced: its address may be taken
 * again by a value that is no container.
 */
static void fold(const eg_formtree *tree, json_t *object)
{
    for (void *member = json_object_iter(object); member != NULL;
         member = json_object_iter_next(object, member)) {
        json_t *value = json_object_iter_value(member), *array;

        if (find_container(tree, value) == NULL) {
            continue;
        }
        fold(tree, value);
        array = to_array(value, tree->pool);
        if (array != NULL) {
            json_object_iter_set_new(object, member, array);
        }
    }
}

apr_status_t eg_formtree_finish(json_t *object, const char **problem, eg_formtree *tree)
{
    const char *name;
    json_t *value;

    json_object_foreach(tree->root->object, name, value)
    {
        if (json_object_get(object, name) != NULL) {
            return complain(tree, problem, name, "is given twice");
        }
    }
    fold(tree, tree->root->object);
    return json_object_update(object, tree->root->object) == 0 ? APR_SUCCESS : APR_ENOMEM;
}
