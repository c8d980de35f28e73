/*
 * Tracked links, the open pixel and the link to unsubscribe put into HTML.
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "edits.h"
#include "html_entities.h"
#include "html_scan.h"
#include "link.h"
#include "rewrite.h"

#define NO_TRACK "no-track"
#define DATA_NO_TRACK "data-no-track"

typedef struct {
    const egs_rewriting *with;
    eg_edits edits;
    egs_text url; /* of the link at hand */
    int links;    /* so far, with those to unsubscribe */
    int in_link;  /* between <a> and </a> */
    int has_unsubscribe;
    const char *start, *end;
    const char *body_end, *html_end, *unfinished; /* the last of each; NULL: none yet */
    apr_pool_t *pool;
} rewriter;

/* Fit for text and for an attribute in quotes of either kind. */
static const char *escaped(const char *string, apr_pool_t *pool)
{
    egs_text text;

    egs_text_init(&text, strlen(string) + 64, pool);
    while (*string) {
        apr_size_t span = strcspn(string, "&<>\"'");

        egs_text_add(&text, string, span);
        string += span;
        if (*string) {
            egs_text_puts(&text, *string == '&'   ? "&amp;"
                                 : *string == '<' ? "&lt;"
                                 : *string == '>' ? "&gt;"
                                 : *string == '"' ? "&quot;"
                                                  : "&#39;");
            string++;
        }
    }
    return text.data;
}

/* -- the link to unsubscribe -- */

static const char *unsubscribe_text(const rewriter *r)
{
    const char *url = escaped(r->with->unsubscribe_url, r->pool);
    const char *words = r->with->unsubscribe_words ? escaped(r->with->unsubscribe_words, r->pool) : url;

    return r->in_link ? url : apr_pstrcat(r->pool, "<a href=\"", url, "\">", words, "</a>", NULL);
}

/* Behind a "<" a URL would read as a tag. */
static apr_size_t unsubscribe_length(const rewriter *r, const char *at, const char *end)
{
    return at > r->start && at[-1] == '<' ? 0 : egs_link_unsubscribe(at, r->start, end);
}

static void rewrite_text(rewriter *r, const egs_html_token *token)
{
    const char *at = token->data, *end = at + token->length;
    apr_size_t length;

    if (!r->with->unsubscribe_url) {
        return;
    }
    while ((at = memchr(at, '{', (size_t)(end - at))) && r->links < EGS_REWRITE_LINKS_MAX) {
        length = unsubscribe_length(r, at, end);
        if (length) {
            eg_edits_replace(&r->edits, at, length, unsubscribe_text(r));
            r->has_unsubscribe = 1;
            r->links++;
        }
        at += length ? length : 1;
    }
}

/* -- links -- */

static int is_attribute(const egs_html_attribute *attribute, const char *name)
{
    return attribute->name_length == strlen(name) &&
           apr_cstr_casecmpn(attribute->name, name, strlen(name)) == 0;
}

static int is_blank(char c)
{
    return c && strchr(" \t\r\n\f", c);
}

static int has_class(const egs_html_attribute *class, const char *name)
{
    const char *at = class->value, *end = at + class->value_length;

    while (at < end) {
        const char *word = at;

        while (at < end && !is_blank(*at)) {
            at++;
        }
        if ((apr_size_t)(at - word) == strlen(name) && apr_cstr_casecmpn(word, name, strlen(name)) == 0) {
            return 1;
        }
        at++;
    }
    return 0;
}

/* @return may it be tracked? */
static int read_link(egs_html_attribute *href, const egs_html_token *tag)
{
    egs_html_attribute each, class = { 0 };
    const char *at = NULL;
    int may_track = 1;

    *href = (egs_html_attribute){ 0 };
    while (egs_html_scan_attribute(&each, &at, tag)) {
        if (!href->name && is_attribute(&each, "href")) {
            *href = each;
        }
        else if (!class.name && is_attribute(&each, "class")) {
            class = each;
        }
        else if (is_attribute(&each, DATA_NO_TRACK)) {
            may_track = 0;
        }
    }
    return may_track && !(class.value && has_class(&class, NO_TRACK));
}

static int is_unsubscribe(const egs_html_attribute *href)
{
    const char *at = href->value, *end = at + href->value_length;

    while (at < end && is_blank(*at)) {
        at++;
    }
    while (end > at && is_blank(end[-1])) {
        end--;
    }
    return end > at && egs_link_unsubscribe(at, at, end) == (apr_size_t)(end - at);
}

/* As a URL is read (URL standard section 4.4): without blanks at its ends, and without line ends. */
static void clean(egs_text *url)
{
    char *from = url->data, *end = from + url->length, *to = from;

    while (from < end && (unsigned char)*from <= ' ') {
        from++;
    }
    while (end > from && (unsigned char)end[-1] <= ' ') {
        end--;
    }
    for (; from < end; from++) {
        if (*from != '\t' && *from != '\n' && *from != '\r') {
            *to++ = *from;
        }
    }
    *to = '\0';
    url->length = (apr_size_t)(to - url->data);
}

/* What the caller makes of an address; NULL: it stays. */
static const char *tracked(rewriter *r, const egs_html_attribute *href)
{
    r->url.length = 0;
    if (egs_html_entities_decode(&r->url, href->value, href->value_length) != APR_SUCCESS) {
        return NULL;
    }
    clean(&r->url);
    if (!egs_link_is_tracked(r->url.data, r->url.length)) {
        return NULL;
    }
    r->links++;
    return r->with->link(r->with->baton, r->url.data, r->pool);
}

static void replace_value(rewriter *r, const egs_html_attribute *attribute, const char *url)
{
    const char *value = escaped(url, r->pool);

    if (!attribute->is_quoted) {
        value = apr_pstrcat(r->pool, "\"", value, "\"", NULL);
    }
    eg_edits_replace(&r->edits, attribute->value, attribute->value_length, value);
}

static void rewrite_link(rewriter *r, const egs_html_token *tag)
{
    egs_html_attribute href;
    int may_track = read_link(&href, tag);
    const char *url = NULL;

    if (!href.value || r->links >= EGS_REWRITE_LINKS_MAX) {
        return;
    }
    if (r->with->unsubscribe_url && is_unsubscribe(&href)) {
        url = r->with->unsubscribe_url;
        r->has_unsubscribe = 1;
        r->links++;
    }
    else if (may_track && r->with->link) {
        url = tracked(r, &href);
    }
    if (url) {
        replace_value(r, &href, url);
    }
}

/* -- the whole -- */

static void rewrite_tag(rewriter *r, const egs_html_token *tag)
{
    int is_start = tag->kind == EGS_HTML_START_TAG;

    if (egs_html_scan_is(tag, "a")) {
        r->in_link = is_start;
    }
    if (is_start && (egs_html_scan_is(tag, "a") || egs_html_scan_is(tag, "area"))) {
        rewrite_link(r, tag);
    }
    else if (!is_start && egs_html_scan_is(tag, "body")) {
        r->body_end = tag->data;
    }
    else if (!is_start && egs_html_scan_is(tag, "html")) {
        r->html_end = tag->data;
    }
}

static void rewrite_all(rewriter *r)
{
    egs_html_scan scan;
    egs_html_token token;

    egs_html_scan_start(&scan, r->start, (apr_size_t)(r->end - r->start));
    while (egs_html_scan_next(&token, &scan)) {
        switch (token.kind) {
        case EGS_HTML_TEXT:
            rewrite_text(r, &token);
            break;
        case EGS_HTML_START_TAG:
        case EGS_HTML_END_TAG:
            rewrite_tag(r, &token);
            break;
        case EGS_HTML_APART:
            break;
        case EGS_HTML_UNFINISHED:
            r->unfinished = token.data;
            break;
        }
    }
}

/* Of the footer only {{unsubscribe}} is rewritten. */
static const char *footer_of(const egs_rewriting *with, apr_pool_t *pool)
{
    egs_rewriting of_footer = { .unsubscribe_url = with->unsubscribe_url,
                                .unsubscribe_words = with->unsubscribe_words };

    return egs_rewrite_html(with->footer_html, strlen(with->footer_html), &of_footer, pool).data;
}

eg_bytes egs_rewrite_html(const char *text, apr_size_t length, const egs_rewriting *with, apr_pool_t *pool)
{
    rewriter r = { .with = with, .start = text, .end = text + length, .pool = pool };
    const char *place;

    eg_edits_init(&r.edits, text, length, pool);
    egs_text_init(&r.url, 512, pool);
    rewrite_all(&r);
    place = r.body_end ? r.body_end : r.html_end ? r.html_end : r.unfinished ? r.unfinished : r.end;
    if (with->unsubscribe_url && with->footer_html && !r.has_unsubscribe) {
        eg_edits_insert(&r.edits, place, footer_of(with, pool));
    }
    if (with->pixel) {
        eg_edits_insert(&r.edits, place, with->pixel);
    }
    return eg_edits_make(&r.edits, pool);
}
