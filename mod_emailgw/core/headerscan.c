#include "headerscan.h"

#include <string.h>

#include <apr_pools.h>

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Comments may be nested. @return 0 when it has no end */
static int skip_comment(eg_headerscan *scan)
{
    int depth = 0;

    for (; scan->at < scan->end; scan->at++) {
        if (*scan->at == '\\' && scan->at + 1 < scan->end) {
            scan->at++;
        }
        else if (*scan->at == '(') {
            depth++;
        }
        else if (*scan->at == ')' && --depth == 0) {
            scan->at++;
            return 1;
        }
    }
    return 0;
}

int eg_headerscan_skip(eg_headerscan *scan)
{
    while (scan->at < scan->end) {
        if (is_blank(*scan->at)) {
            scan->at++;
        }
        else if (*scan->at != '(') {
            return 1;
        }
        else if (!skip_comment(scan)) {
            return 0;
        }
    }
    return 1;
}

/* The quote that ends the string which begins at a quote, or NULL. */
static const char *find_quote(const eg_headerscan *scan)
{
    for (const char *c = scan->at + 1; c < scan->end; c++) {
        if (*c == '"') {
            return c;
        }
        c += *c == '\\' && c + 1 < scan->end;
    }
    return NULL;
}

int eg_headerscan_quoted(const char **value, eg_headerscan *scan, apr_pool_t *pool)
{
    const char *close = find_quote(scan);
    char *text, *to;

    if (close == NULL || memchr(scan->at, '\0', (apr_size_t)(close - scan->at)) != NULL) {
        return 0;
    }
    text = to = apr_palloc(pool, (apr_size_t)(close - scan->at));
    for (scan->at++; scan->at < close; scan->at++) {
        scan->at += *scan->at == '\\' && scan->at + 1 < close;
        if (*scan->at != '\r' && *scan->at != '\n') {
            *to++ = *scan->at;
        }
    }
    scan->at++;
    *to = '\0';
    *value = text;
    return 1;
}
