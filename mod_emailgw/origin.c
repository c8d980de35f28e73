#include "origin.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "lowercase.h"
#include "textlist.h"

#define ANY "*"
#define PORT_DIGITS 5

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

/* The length of a scheme such as https or capacitor; 0 without one. */
static apr_size_t scheme_length(const char *text)
{
    return apr_islower(*text) ? strspn(text, LETTERS_AND_DIGITS "+-.") : 0;
}

static apr_size_t host_length(const char *text)
{
    apr_size_t length;

    if (*text == '[') {
        length = 1 + strspn(text + 1, "0123456789abcdef:.");
        return length > 1 && text[length] == ']' ? length + 1 : 0;
    }
    return strspn(text, LETTERS_AND_DIGITS "-._");
}

/* Browsers leave the usual port out: an origin that names it would never be met. */
static int is_port(const char *port, const char *origin)
{
    apr_size_t length = strlen(port);

    return length >= 1 && length <= PORT_DIGITS && strspn(port, "0123456789") == length && *port != '0' &&
           !(strcmp(port, "443") == 0 && strncmp(origin, "https:", 6) == 0) &&
           !(strcmp(port, "80") == 0 && strncmp(origin, "http:", 5) == 0);
}

static int is_origin(const char *origin)
{
    const char *at = origin + scheme_length(origin);
    apr_size_t length;

    if (at == origin || strncmp(at, "://", 3) != 0) {
        return 0;
    }
    at += 3;
    length = host_length(at);
    at += length;
    return length > 0 && (*at == '\0' || (*at == ':' && is_port(at + 1, origin)));
}

apr_status_t eg_origin_parse_list(apr_array_header_t **list, const char *text, apr_pool_t *pool)
{
    apr_array_header_t *made = apr_array_make(pool, 4, sizeof(const char *));
    const char *end;

    if (strcmp(text, "none") == 0) {
        *list = made;
        return APR_SUCCESS;
    }
    do {
        const char *origin = eg_lowercase(apr_pstrndup(pool, text, strcspn(text, ",")));

        end = text + strlen(origin);
        if (!is_origin(origin) && strcmp(origin, ANY) != 0) {
            return APR_EINVAL;
        }
        APR_ARRAY_PUSH(made, const char *) = origin;
        text = end + 1;
    } while (*end != '\0');
    *list = made;
    return APR_SUCCESS;
}

int eg_origin_in(const apr_array_header_t *list, const char *origin)
{
    return is_origin(origin) && (eg_textlist_has(list, ANY) || eg_textlist_has(list, origin));
}

apr_array_header_t *eg_origin_common(const apr_array_header_t *a, const apr_array_header_t *b,
                                     apr_pool_t *pool)
{
    apr_array_header_t *common = apr_array_make(pool, 4, sizeof(const char *));

    if (eg_textlist_has(a, ANY) || eg_textlist_has(b, ANY)) {
        return apr_array_copy(pool, eg_textlist_has(a, ANY) ? b : a);
    }
    for (int i = 0; i < a->nelts; i++) {
        const char *origin = APR_ARRAY_IDX(a, i, const char *);

        if (eg_textlist_has(b, origin)) {
            APR_ARRAY_PUSH(common, const char *) = origin;
        }
    }
    return common;
}
