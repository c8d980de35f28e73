/*
 * Places of a text where something else is to stand.
 */
#include <string.h>

#include "edits.h"

typedef struct {
    const char *place;
    apr_size_t removed;
    const char *added;
    apr_size_t added_length;
} edit;

#define EDIT(edits, i) APR_ARRAY_IDX((edits)->list, i, edit)

void eg_edits_init(eg_edits *edits, const char *text, apr_size_t length, apr_pool_t *pool)
{
    edits->text = text;
    edits->length = length;
    edits->list = apr_array_make(pool, 32, sizeof(edit));
}

/* Does it belong behind another? What is put before a place goes before what stands there instead. */
static int is_behind(const edit *it, const edit *other)
{
    return it->place > other->place || (it->place == other->place && it->removed > 0 && other->removed == 0);
}

void eg_edits_replace(eg_edits *edits, const char *place, apr_size_t length, const char *string)
{
    int i;

    APR_ARRAY_PUSH(edits->list, edit) = (edit){ place, length, string, strlen(string) };
    for (i = edits->list->nelts - 1; i > 0 && is_behind(&EDIT(edits, i - 1), &EDIT(edits, i)); i--) {
        edit later = EDIT(edits, i - 1);

        EDIT(edits, i - 1) = EDIT(edits, i);
        EDIT(edits, i) = later;
    }
}

void eg_edits_insert(eg_edits *edits, const char *place, const char *string)
{
    eg_edits_replace(edits, place, 0, string);
}

/* The next that does not begin within what one before it replaced: from is behind that. NULL at the end */
static const edit *next_edit(const eg_edits *edits, int *i, const char *from)
{
    while (*i < edits->list->nelts && EDIT(edits, *i).place < from) {
        (*i)++;
    }
    return *i < edits->list->nelts ? &EDIT(edits, (*i)++) : NULL;
}

static apr_size_t length_of(const eg_edits *edits)
{
    apr_size_t length = edits->length;
    const char *from = edits->text;
    const edit *each;

    for (int i = 0; (each = next_edit(edits, &i, from)) != NULL; from = each->place + each->removed) {
        length += each->added_length - each->removed;
    }
    return length;
}

eg_bytes eg_edits_make(const eg_edits *edits, apr_pool_t *pool)
{
    apr_size_t length = length_of(edits);
    const char *from = edits->text, *end = edits->text + edits->length;
    const edit *each;
    char *made, *to;

    if (edits->list->nelts == 0) {
        return (eg_bytes){ edits->text, edits->length };
    }
    to = made = apr_palloc(pool, length + 1);
    for (int i = 0; (each = next_edit(edits, &i, from)) != NULL; from = each->place + each->removed) {
        to = (char *)memcpy(to, from, (size_t)(each->place - from)) + (each->place - from);
        to = (char *)memcpy(to, each->added, each->added_length) + each->added_length;
    }
    memcpy(to, from, (size_t)(end - from));
    made[length] = '\0';
    return (eg_bytes){ made, length };
}
