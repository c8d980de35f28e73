/*
 * Tracked links and the link to unsubscribe put into plain text.
 */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "edits.h"
#include "link.h"
#include "rewrite.h"
#include "text.h"
#include "utf8.h"

#define SCHEME_MAX 5 /* bytes before the colon of a URL that can be tracked */

typedef struct {
    const egs_rewriting *with;
    eg_edits edits;
    int links; /* so far, with those to unsubscribe */
    int has_unsubscribe;
    const char *start, *end;
    const char *colon, *brace; /* the next of each; end: there is none any more */
    apr_pool_t *pool;
} rewriter;

/* -- where a URL ends -- */

/* White space, quotes of books and the punctuation of scripts that are written without blanks. */
static const struct {
    apr_uint32_t first, last;
} ends[] = {
    { 0x85, 0x85 },     { 0xa0, 0xa0 },     { 0xab, 0xab },     { 0xbb, 0xbb },     { 0x1680, 0x1680 },
    { 0x2000, 0x200a }, { 0x2018, 0x201f }, { 0x2026, 0x2026 }, { 0x2028, 0x2029 }, { 0x202f, 0x202f },
    { 0x2039, 0x203a }, { 0x205f, 0x205f }, { 0x3000, 0x303f }, { 0xff01, 0xff0f }, { 0xff1a, 0xff20 },
    { 0xff3b, 0xff40 }, { 0xff5b, 0xff65 },
};

static int is_end(apr_uint32_t code)
{
    if (code <= ' ' || code == 0x7f || code == '<' || code == '>' || code == '"') {
        return 1;
    }
    for (size_t i = 0; code >= 0x80 && i < sizeof ends / sizeof *ends; i++) {
        if (code >= ends[i].first && code <= ends[i].last) {
            return 1;
        }
    }
    return 0;
}

/* Round, square and curly brackets that are open. @return was one closed that was not? */
static int closes_too_many(int *open, char c)
{
    static const char opening[] = "([{", closing[] = ")]}";
    const char *found;

    if ((found = strchr(opening, c))) {
        open[found - opening]++;
    }
    else if ((found = strchr(closing, c))) {
        return open[found - closing]-- == 0;
    }
    return 0;
}

/* @param from  where the host begins */
static const char *find_end(const char *from, const char *end)
{
    int open[3] = { 0 };
    apr_uint32_t code;
    apr_size_t length;

    while ((length = eg_utf8_next(&code, from, (apr_size_t)(end - from))) && !is_end(code)) {
        if (code < 0x80 && closes_too_many(open, (char)code)) {
            break;
        }
        from += length;
    }
    return from;
}

/* Without the punctuation of the sentence, and what marks emphasis or code. */
static const char *trim(const char *from, const char *end)
{
    while (end > from && strchr(".,;:!?'\"*`", end[-1])) {
        end--;
    }
    return end;
}

static int is_host(char c)
{
    return apr_isalnum(c) || c == '[' || (unsigned char)c >= 0x80;
}

/* Is c before a link part of a word, or of another scheme (git+https)? */
static int is_word(char c)
{
    return apr_isalnum(c) || c == '_' || c == '+';
}

/* Bytes of the URL at a place; 0: there is none. */
static apr_size_t read_url(const rewriter *r, const char *at)
{
    const char *host = at + egs_link_scheme(at, (apr_size_t)(r->end - at)), *stop;

    if (host == at || host == r->end || !is_host(*host) || (at > r->start && is_word(at[-1]))) {
        return 0;
    }
    stop = find_end(host, r->end);
    if (!(at > r->start && at[-1] == '<' && stop < r->end && *stop == '>')) {
        stop = trim(host, stop);
    }
    return stop > host ? (apr_size_t)(stop - at) : 0;
}

/* -- where one may begin -- */

static const char *find(const rewriter *r, const char *at, char c)
{
    const char *found = memchr(at, c, (size_t)(r->end - at));

    return found ? found : r->end;
}

/* At a brace, or as far before a colon as a scheme is long: most of a text is neither. */
static const char *next_place(rewriter *r, const char *at)
{
    const char *link;

    if (r->colon < at) {
        r->colon = find(r, at, ':');
    }
    if (r->brace < at) {
        r->brace = find(r, at, '{');
    }
    if (r->colon == r->end) {
        return r->brace;
    }
    link = r->colon - at > SCHEME_MAX ? r->colon - SCHEME_MAX : at;
    return link < r->brace ? link : r->brace;
}

/* -- the whole -- */

static void rewrite_url(rewriter *r, const char *at, apr_size_t length)
{
    const char *url = NULL;

    if (r->with->link && egs_link_is_tracked(at, length)) {
        r->links++;
        url = r->with->link(r->with->baton, apr_pstrmemdup(r->pool, at, length), r->pool);
    }
    if (url) {
        eg_edits_replace(&r->edits, at, length, url);
    }
}

/* @return bytes that have been dealt with; 0: nothing is here */
static apr_size_t rewrite_at(rewriter *r, const char *at)
{
    apr_size_t length;

    if (*at == '{' && r->with->unsubscribe_url) {
        length = egs_link_unsubscribe(at, r->start, r->end);
        if (length) {
            eg_edits_replace(&r->edits, at, length, r->with->unsubscribe_url);
            r->has_unsubscribe = 1;
            r->links++;
        }
        return length;
    }
    if (*at == 'h' || *at == 'H') {
        length = read_url(r, at);
        if (length) {
            rewrite_url(r, at, length);
        }
        return length;
    }
    return 0;
}

static const char *line_end_of(const rewriter *r)
{
    const char *feed = memchr(r->start, '\n', (apr_size_t)(r->end - r->start));

    if (!feed && r->with->line_end) {
        return r->with->line_end;
    }
    return feed && feed > r->start && feed[-1] == '\r' ? "\r\n" : "\n";
}

/* On lines of its own, behind an empty one. */
static const char *footer_of(const rewriter *r)
{
    egs_rewriting of_footer = { .unsubscribe_url = r->with->unsubscribe_url };
    const char *line_end = line_end_of(r);
    const char *footer =
        egs_rewrite_plain(r->with->footer_plain, strlen(r->with->footer_plain), &of_footer, r->pool).data;
    egs_text text;

    egs_text_init(&text, strlen(footer) * 2 + 6, r->pool);
    if (r->end > r->start) {
        egs_text_puts(&text, r->end[-1] == '\n' ? "" : line_end);
        egs_text_puts(&text, line_end);
    }
    while (*footer) {
        apr_size_t length = strcspn(footer, "\n");

        egs_text_add(&text, footer, length);
        egs_text_puts(&text, line_end);
        footer += length + (footer[length] == '\n');
    }
    return text.data;
}

eg_bytes egs_rewrite_plain(const char *text, apr_size_t length, const egs_rewriting *with, apr_pool_t *pool)
{
    rewriter r = { .with = with, .start = text, .end = text + length, .pool = pool };
    const char *at = text;

    r.colon = find(&r, text, ':');
    r.brace = find(&r, text, '{');
    eg_edits_init(&r.edits, text, length, pool);
    while ((at = next_place(&r, at)) < r.end && r.links < EGS_REWRITE_LINKS_MAX) {
        apr_size_t used = rewrite_at(&r, at);

        at += used ? used : 1;
    }
    if (with->unsubscribe_url && with->footer_plain && !r.has_unsubscribe) {
        eg_edits_insert(&r.edits, r.end, footer_of(&r));
    }
    return eg_edits_make(&r.edits, pool);
}
