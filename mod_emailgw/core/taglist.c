/* Lists of tags in DKIM and DMARC records. */
#include "taglist.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define BLANKS " \t\r\n"

static int is_text(const char *text, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if ((text[i] < ' ' || text[i] > '~') && (text[i] == '\0' || strchr(BLANKS, text[i]) == NULL)) {
            return 0;
        }
    }
    return 1;
}

static int is_name(const char *name)
{
    if (!apr_isalpha(*name)) {
        return 0;
    }
    while (apr_isalnum(*name) || *name == '_') {
        name++;
    }
    return *name == '\0';
}

/* Without the blanks at both ends, in place. */
static char *trim(char *text)
{
    apr_size_t length;

    text += strspn(text, BLANKS);
    length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL) {
        text[--length] = '\0';
    }
    return text;
}

/* "name=value" onto the list. */
static apr_status_t add(apr_array_header_t *tags, char *spec)
{
    char *equals = strchr(spec, '=');
    eg_tag *tag;

    if (equals == NULL || tags->nelts == EG_TAGLIST_MAX) {
        return APR_EINVAL;
    }
    *equals = '\0';
    spec = trim(spec);
    if (!is_name(spec) || eg_taglist_get(tags, spec) != NULL) {
        return APR_EINVAL;
    }
    tag = apr_array_push(tags);
    tag->name = spec;
    tag->value = trim(equals + 1);
    return APR_SUCCESS;
}

apr_status_t eg_taglist_parse(apr_array_header_t **tags, const char *text, apr_size_t length,
                              apr_pool_t *pool)
{
    apr_array_header_t *list = apr_array_make(pool, 8, sizeof(eg_tag));
    char *next;

    if (!is_text(text, length)) {
        return APR_EINVAL;
    }
    next = apr_pstrmemdup(pool, text, length);
    do {
        char *spec = next, *end = strchr(next, ';');

        next = end != NULL ? end + 1 : NULL;
        if (end != NULL) {
            *end = '\0';
        }
        /* Nothing may stand behind the last semicolon, and only there. */
        if (next == NULL && list->nelts > 0 && *trim(spec) == '\0') {
            break;
        }
        if (add(list, spec) != APR_SUCCESS) {
            return APR_EINVAL;
        }
    } while (next != NULL);
    *tags = list;
    return APR_SUCCESS;
}

const char *eg_taglist_get(const apr_array_header_t *tags, const char *name)
{
    for (int i = 0; i < tags->nelts; i++) {
        const eg_tag *tag = &APR_ARRAY_IDX(tags, i, eg_tag);

        if (strcmp(tag->name, name) == 0) {
            return tag->value;
        }
    }
    return NULL;
}

int eg_taglist_begins(const apr_array_header_t *tags, const char *name, const char *value)
{
    const eg_tag *first = &APR_ARRAY_IDX(tags, 0, eg_tag);

    return tags->nelts > 0 && strcmp(first->name, name) == 0 && strcmp(first->value, value) == 0;
}

int eg_taglist_has_word(const char *value, const char *word)
{
    apr_size_t length = strlen(word);

    while (1) {
        const char *from = value + strspn(value, BLANKS);
        apr_size_t size = strcspn(from, ":" BLANKS);

        if (size == length && strncasecmp(from, word, length) == 0) {
            return 1;
        }
        value = strchr(from, ':');
        if (value == NULL) {
            return 0;
        }
        value++;
    }
}
