#include "pieces.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

/* Which piece of a value is it, "name*2" or "name*2*" (RFC 2231 section 3)? @return -1: it is none */
static int piece_number(const char *name)
{
    const char *digits = name + strcspn(name, "*") + 1;
    apr_size_t length = digits[-1] == '*' ? strspn(digits, "0123456789") : 0;

    if (length == 0 || length > 9 || strcmp(digits + length, digits[length] == '*' ? "*" : "") != 0) {
        return -1;
    }
    return atoi(digits);
}

static int is_piece_of(const eg_parameter *each, const eg_parameter *other)
{
    apr_size_t length = strcspn(other->name, "*");

    return piece_number(each->name) >= 0 && strcspn(each->name, "*") == length &&
           strncmp(each->name, other->name, length) == 0;
}

/* The pieces of one value by their numbers. @return how many */
static int sort_pieces(const eg_parameter **pieces, const eg_headervalue *value, const eg_parameter *of)
{
    int count = 0;

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);
        int at = count;

        if (!is_piece_of(each, of)) {
            continue;
        }
        for (; at > 0 && piece_number(pieces[at - 1]->name) > piece_number(each->name); at--) {
            pieces[at] = pieces[at - 1];
        }
        pieces[at] = each;
        count++;
    }
    return count;
}

/* The name of a whole value whose first piece this is; its own where another parameter has that name. */
static const char *whole_name(const eg_headervalue *value, const eg_parameter *first, apr_pool_t *pool)
{
    const char *name = apr_pstrcat(pool, apr_pstrndup(pool, first->name, strcspn(first->name, "*")),
                                   first->name[strlen(first->name) - 1] == '*' ? "*" : "", NULL);

    return piece_number(first->name) == 0 && eg_headervalue_get(value, name) == NULL ? name : first->name;
}

/* All pieces of the value that one is a piece of, as readers put them together. */
static eg_parameter join_pieces_of(const eg_headervalue *value, const eg_parameter *one, apr_pool_t *pool)
{
    const eg_parameter *pieces[EG_HEADERVALUE_PARAMETERS_MAX];
    struct iovec texts[EG_HEADERVALUE_PARAMETERS_MAX];
    int count = sort_pieces(pieces, value, one);

    for (int i = 0; i < count; i++) {
        texts[i] = (struct iovec){ (void *)pieces[i]->value, strlen(pieces[i]->value) };
    }
    return (eg_parameter){ whole_name(value, pieces[0], pool),
                           apr_pstrcatv(pool, texts, (apr_size_t)count, NULL) };
}

void egs_pieces_join(eg_headervalue *value, apr_pool_t *pool)
{
    apr_array_header_t *joined = apr_array_make(pool, value->parameters->nelts + 1, sizeof(eg_parameter));

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);
        int earlier = 0;

        if (piece_number(each->name) < 0) {
            APR_ARRAY_PUSH(joined, eg_parameter) = *each;
            continue;
        }
        while (!is_piece_of(&APR_ARRAY_IDX(value->parameters, earlier, eg_parameter), each)) {
            earlier++;
        }
        if (earlier == i) {
            APR_ARRAY_PUSH(joined, eg_parameter) = join_pieces_of(value, each, pool);
        }
    }
    value->parameters = joined;
}
