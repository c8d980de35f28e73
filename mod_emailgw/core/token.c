#include "token.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "lowercase.h"

#define TYPE_MAX 127 /* bytes of a type or subtype (RFC 6838 section 4.2) */

/* Printable ASCII without space and without the given characters, 1 to max bytes. */
static int is_printable_but(const char *text, const char *without, apr_size_t max)
{
    apr_size_t length = strlen(text);

    for (apr_size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr(without, text[i]) != NULL) {
            return 0;
        }
    }
    return length > 0 && length <= max;
}

int eg_field_name_valid(const char *name)
{
    return is_printable_but(name, ":", EG_FIELD_NAME_MAX);
}

int eg_content_id_valid(const char *id)
{
    return is_printable_but(id, "<>()\"\\,;:", EG_CONTENT_ID_MAX);
}

/* The token at *text in lower case, and *text behind it; NULL where there is none. */
static const char *take_token(const char **text, apr_pool_t *pool)
{
    const char *end = *text;
    char *token;

    while (apr_isalnum(*end) || (*end != '\0' && strchr("!#$%&'*+-.^_`{|}~", *end) != NULL)) {
        end++;
    }
    if (end == *text || end - *text > TYPE_MAX) {
        return NULL;
    }
    token = eg_lowercase(apr_pstrmemdup(pool, *text, (apr_size_t)(end - *text)));
    *text = end;
    return token;
}

/* [";" "charset" "=" value] and nothing behind it. */
static apr_status_t take_charset(eg_media_type *media, const char *text, apr_pool_t *pool)
{
    int quoted;

    media->charset = NULL;
    text += strspn(text, " \t");
    if (*text == '\0') {
        return APR_SUCCESS;
    }
    if (*text++ != ';') {
        return APR_EINVAL;
    }
    text += strspn(text, " \t");
    if (apr_cstr_casecmpn(text, "charset=", 8) != 0) {
        return APR_EINVAL;
    }
    text += 8;
    quoted = *text == '"';
    text += quoted;
    media->charset = take_token(&text, pool);
    if (media->charset == NULL || (quoted && *text++ != '"')) {
        return APR_EINVAL;
    }
    return text[strspn(text, " \t")] == '\0' ? APR_SUCCESS : APR_EINVAL;
}

apr_status_t eg_media_type_parse(eg_media_type *media, const char *text, apr_pool_t *pool)
{
    eg_media_type parsed;

    parsed.type = take_token(&text, pool);
    if (parsed.type == NULL || *text++ != '/') {
        return APR_EINVAL;
    }
    parsed.subtype = take_token(&text, pool);
    if (parsed.subtype == NULL || take_charset(&parsed, text, pool) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *media = parsed;
    return APR_SUCCESS;
}

const char *eg_media_type_format(const eg_media_type *media, apr_pool_t *pool)
{
    return apr_pstrcat(pool, media->type, "/", media->subtype, media->charset != NULL ? "; charset=" : NULL,
                       media->charset, NULL);
}
