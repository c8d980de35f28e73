#include "headervalue.h"

#include <string.h>

#include <apr_strings.h>

#include "headerscan.h"
#include "lowercase.h"

/* What ends a word that has no quotes: blanks, and what has a meaning in these values. */
static int is_word(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && !strchr(";\"()=,", c);
}

static const char *read_word(eg_headerscan *scan, apr_pool_t *pool)
{
    const char *begin = scan->at;

    while (scan->at < scan->end && is_word(*scan->at)) {
        scan->at++;
    }
    return scan->at > begin ? apr_pstrmemdup(pool, begin, (apr_size_t)(scan->at - begin)) : NULL;
}

/* @return 0 when there is none */
static int read_value(const char **value, eg_headerscan *scan, apr_pool_t *pool)
{
    const char *begin = scan->at;

    if (scan->at < scan->end && *scan->at == '"') {
        return eg_headerscan_quoted(value, scan, pool);
    }
    while (scan->at < scan->end && (is_word(*scan->at) || *scan->at == '=' || *scan->at == ',')) {
        scan->at++;
    }
    *value = apr_pstrmemdup(pool, begin, (apr_size_t)(scan->at - begin));
    return scan->at > begin;
}

/* Readers differ in which of two they take, so two must say the same. @return 0 when it is one too many */
static int add_parameter(eg_headervalue *value, const eg_parameter *parameter)
{
    const char *before = eg_headervalue_get(value, parameter->name);

    if (before != NULL) {
        return strcmp(before, parameter->value) == 0;
    }
    if (value->parameters->nelts == EG_HEADERVALUE_PARAMETERS_MAX) {
        return 0;
    }
    APR_ARRAY_PUSH(value->parameters, eg_parameter) = *parameter;
    return 1;
}

/* name "=" value; @return 0 when it is none, or one too many */
static int read_parameter(eg_headervalue *value, eg_headerscan *scan, apr_pool_t *pool)
{
    const char *name = read_word(scan, pool);
    eg_parameter parameter = { NULL, NULL };

    if (name == NULL || !eg_headerscan_skip(scan) || scan->at == scan->end || *scan->at != '=') {
        return 0;
    }
    scan->at++;
    parameter.name = eg_lowercase(apr_pstrdup(pool, name));
    return eg_headerscan_skip(scan) && read_value(&parameter.value, scan, pool) &&
           add_parameter(value, &parameter);
}

apr_status_t eg_headervalue_parse(eg_headervalue *value, const char *text, apr_size_t length,
                                  apr_pool_t *pool)
{
    eg_headerscan scan = { text, text + length };
    const char *word;

    *value = (eg_headervalue){ NULL, apr_array_make(pool, 4, sizeof(eg_parameter)) };
    if (!eg_headerscan_skip(&scan) || (word = read_word(&scan, pool)) == NULL) {
        return APR_EINVAL;
    }
    value->word = eg_lowercase(apr_pstrdup(pool, word));
    for (;;) {
        if (!eg_headerscan_skip(&scan)) {
            return APR_EINVAL;
        }
        if (scan.at == scan.end) {
            return APR_SUCCESS;
        }
        if (*scan.at++ != ';' || !eg_headerscan_skip(&scan)) {
            return APR_EINVAL;
        }
        if (scan.at < scan.end && *scan.at != ';' && !read_parameter(value, &scan, pool)) {
            return APR_EINVAL;
        }
    }
}

const char *eg_headervalue_get(const eg_headervalue *value, const char *name)
{
    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *parameter = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);

        if (strcmp(parameter->name, name) == 0) {
            return parameter->value;
        }
    }
    return NULL;
}
