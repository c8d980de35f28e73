/*
 * The relaxed forms of header fields and bodies (RFC 6376 sections 3.4.2, 3.4.4).
 */
#include <apr_lib.h>
#include <string.h>

#include "dkim.h"

#define BLOCK 64 /* bytes that are looked at together */

static int is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

static int is_crlf(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '\r' && at[1] == '\n';
}

/* ---- bodies ------------------------------------------------------------------------- */

/* Where the last line that is not empty ends, without what is white at its own end. */
static const char *find_end(const char *start, const char *end)
{
    for (;;) {
        if (end > start && is_wsp(end[-1])) {
            end--;
        }
        else if (end - start >= 2 && is_crlf(end - 2, end)) {
            end -= 2;
        }
        else {
            return end;
        }
    }
}

/*
 * Is there white space in a block that may not stay as it is? A space alone within a line stays,
 * and nearly all are: so they are looked for, and no byte is asked what it is.
 */
static int has_work(const char *block)
{
    unsigned char work = 0;

    for (int i = 0; i < BLOCK; i++) {
        const char c = block[i], next = block[i + 1];

        work |= (c == '\t') | ((c == ' ') & ((next == ' ') | (next == '\t') | (next == '\r')));
    }
    return work;
}

/* The next white space, perhaps with some before it that stays as it is; end when there is none. */
static const char *find_space(const char *at, const char *end)
{
    while (end - at > BLOCK && !has_work(at)) {
        at += BLOCK;
    }
    while (at < end && !is_wsp(*at)) {
        at++;
    }
    return at;
}

/* Behind the white space at *at: is one space to be put for it? A space alone within a line is left as it is. */
static int relax_space(const char **at, const char *end)
{
    const char *next = *at;

    while (next < end && is_wsp(*next)) {
        next++;
    }
    *at = next;
    return !is_crlf(next, end);
}

void egs_dkim_relax_body(eg_bytes body, egs_dkim_sink *sink, void *baton)
{
    const char *at = body.data, *run = at;
    const char *end = body.size ? find_end(at, at + body.size) : at;

    if (at == end) {
        return;
    }
    while ((at = find_space(at, end)) < end) {
        const char *space = at;
        int kept = relax_space(&at, end);

        if (kept && at - space == 1 && *space == ' ') {
            continue;
        }
        if (space > run) {
            sink(baton, run, (apr_size_t)(space - run));
        }
        if (kept) {
            sink(baton, " ", 1);
        }
        run = at;
    }
    sink(baton, run, (apr_size_t)(end - run));
    sink(baton, "\r\n", 2);
}

/* ---- header fields -------------------------------------------------------------------- */

static void put_name(egs_text *relaxed, const char *name, apr_size_t length)
{
    while (length && is_wsp(name[length - 1])) {
        length--;
    }
    egs_text_add(relaxed, name, length);
    for (apr_size_t i = relaxed->length - length; i < relaxed->length; i++) {
        relaxed->data[i] = (char)apr_tolower(relaxed->data[i]);
    }
}

/* Words, one space between them; folds are white space, and none is left at either end. */
static void put_value(egs_text *relaxed, const char *at, const char *end)
{
    int space = 0, words = 0;

    while (at < end) {
        const char *word = at;

        while (at < end && !is_wsp(*at) && !is_crlf(at, end)) {
            at++;
        }
        if (at > word) {
            if (space && words) {
                egs_text_puts(relaxed, " ");
            }
            egs_text_add(relaxed, word, (apr_size_t)(at - word));
            space = 0;
            words = 1;
        }
        else if (is_wsp(*at)) {
            space = 1;
            at++;
        }
        else {
            at += 2;
        }
    }
}

void egs_dkim_relax_field(egs_text *relaxed, const char *field, apr_size_t length)
{
    const char *colon = length ? memchr(field, ':', length) : NULL;

    if (!colon) {
        put_name(relaxed, field, length);
        return;
    }
    put_name(relaxed, field, (apr_size_t)(colon - field));
    egs_text_puts(relaxed, ":");
    put_value(relaxed, colon + 1, field + length);
}
