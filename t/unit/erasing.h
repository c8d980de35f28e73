/*
 * Who looks through texts for somebody, in a simpler way than the database.
 */
#ifndef ERASING_H
#define ERASING_H

#include <ctype.h>
#include <string.h>
#include <unictype.h>

#include <apr_strings.h>

#include "erasable.h"
#include "utf8.h"

#define ERASING_PERSON "ann@example.org"

/* Is the character that begins there a letter or a digit? */
static inline int erasing_is_alnum(const char *at)
{
    apr_uint32_t code;

    return eg_utf8_next(&code, at, strnlen(at, 4)) > 0 && uc_is_alnum(code);
}

/* Is what ends there the beginning of another address? */
static inline int erasing_goes_before(const char *text, const char *at)
{
    const char *last = at - (at > text);

    if (at - text >= 3 && at[-3] == '%' && isxdigit((unsigned char)at[-2]) &&
        isxdigit((unsigned char)at[-1])) {
        return 0;
    }
    while (last > text && ((unsigned char)*last & 0xc0) == 0x80) {
        last--;
    }
    return at > text && (erasing_is_alnum(last) || strchr("._+-", at[-1]) != NULL);
}

/* Is what begins there the end of another address, and not of the name of a file? */
static inline int erasing_goes_on(const char *at)
{
    static const char *const files[] = { ".png", ".csv", ".txt" };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strncasecmp(at, files[i], 4) == 0) {
            return erasing_is_alnum(at + 4) || at[4] == '-';
        }
    }
    return erasing_is_alnum(at + (*at == '.')) || *at == '-';
}

/* The first place of a person, or NULL. */
static inline const char *erasing_find(const char *text, const char *person)
{
    const char *at = text;

    while ((at = strcasestr(at, person)) != NULL &&
           (erasing_goes_before(text, at) || erasing_goes_on(at + strlen(person)))) {
        at++;
    }
    return at;
}

/* A person as a text has it. */
static inline const char *erasing_spelled(const char *person, const egs_erasable_text *text, apr_pool_t *pool)
{
    return text->is_bytes ? egs_erasable_bytes((eg_bytes){ person, strlen(person) }, pool) : person;
}

static inline void erasing_look_through(const egs_erasable *erasable, const char *given, apr_pool_t *pool)
{
    for (int i = 0; i < erasable->texts->nelts; i++) {
        egs_erasable_text *each = &APR_ARRAY_IDX(erasable->texts, i, egs_erasable_text);
        const char *person = erasing_spelled(given, each, pool), *from = each->text, *found;
        char *erased, *to;

        if (erasing_find(from, person) == NULL) {
            continue;
        }
        erased = to = apr_palloc(pool, 2 * strlen(from) + 1);
        while ((found = erasing_find(from, person)) != NULL) {
            to = (char *)memcpy(to, from, (size_t)(found - from)) + (found - from);
            to = (char *)memcpy(to, "[erased]", 8) + 8;
            from = found + strlen(person);
        }
        strcpy(to, from);
        each->erased = erased;
    }
}

#endif
