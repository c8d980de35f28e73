#include "fieldsyntax.h"

#include <string.h>

#include <apr_strings.h>

#include "fieldlist.h"

#define BLANKS " \t"

/* The first that fits counts. */
static const struct {
    const char *pattern;
    int has_phrase; /* before <...>: a name for people */
} known[] = {
    { "List-Id", 1 },           { "List-*", 0 },      { "References", 0 },
    { "In-Reply-To", 0 },       { "Archived-At", 0 }, { "Auto-Submitted", 0 },
    { "Resent-*", 1 },          { "Errors-To", 1 },   { "Disposition-Notification-To", 1 },
    { "Return-Receipt-To", 1 },
};

static int place_of(const char *name)
{
    for (int i = 0; i < (int)(sizeof known / sizeof *known); i++) {
        if (eg_field_is(name, known[i].pattern)) {
            return i;
        }
    }
    return -1;
}

int eg_fieldsyntax_has(const char *name)
{
    return place_of(name) >= 0;
}

/* One blank between words. NULL: one has a byte that is not printable ASCII, or more than word_max of them. */
static const char *tidy(const char *value, apr_size_t word_max, apr_pool_t *pool)
{
    char *made = apr_palloc(pool, strlen(value) + 1), *to = made;

    for (value += strspn(value, BLANKS); *value != '\0'; value += strspn(value, BLANKS)) {
        apr_size_t length = strcspn(value, BLANKS);

        for (apr_size_t i = 0; i < length; i++) {
            if (value[i] < ' ' || value[i] >= 0x7f) {
                return NULL;
            }
        }
        if (length > word_max) {
            return NULL;
        }
        if (to > made) {
            *to++ = ' ';
        }
        memcpy(to, value, length);
        to += length;
        value += length;
    }
    *to = '\0';
    return made;
}

/* Without blanks around it, and out of its quotes where it stands in some. */
static const char *phrase_of(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *phrase, *to;

    while (length > 0 && strchr(BLANKS, *text) != NULL) {
        text++;
        length--;
    }
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL) {
        length--;
    }
    phrase = to = apr_pstrmemdup(pool, text, length);
    if (length < 2 || text[0] != '"' || text[length - 1] != '"') {
        return phrase;
    }
    for (apr_size_t i = 1; i + 1 < length; i++) {
        i += text[i] == '\\' && i + 2 < length;
        *to++ = text[i];
    }
    *to = '\0';
    return phrase;
}

apr_status_t eg_fieldsyntax_read(eg_fieldsyntax *parts, const char *name, const char *value, apr_pool_t *pool)
{
    int place = place_of(name);
    apr_size_t word_max = EG_WIRE_LINE_MAX - strlen(name) - strlen(": ");
    const char *angle = strchr(value, '<'), *rest = tidy(value, word_max, pool);

    if (rest != NULL) {
        *parts = (eg_fieldsyntax){ .rest = rest };
        return APR_SUCCESS;
    }
    if (place < 0 || !known[place].has_phrase || angle == NULL) {
        return APR_EINVAL;
    }
    rest = tidy(angle, word_max, pool);
    if (rest == NULL) {
        return APR_EINVAL;
    }
    *parts = (eg_fieldsyntax){ phrase_of(value, (apr_size_t)(angle - value), pool), rest };
    return APR_SUCCESS;
}
