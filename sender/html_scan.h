/*
 * HTML taken apart as browsers do it (HTML standard section 13.2.5): tags with
 * their attributes, text, and what is neither. Nothing is copied, decoded or
 * judged; linear in time. Pure.
 */
#ifndef EGS_HTML_SCAN_H
#define EGS_HTML_SCAN_H

#include "eg.h"

typedef enum {
    EGS_HTML_TEXT,
    EGS_HTML_START_TAG,
    EGS_HTML_END_TAG,
    EGS_HTML_APART,     /* comments, declarations, CDATA sections; contents of style, title and the like */
    EGS_HTML_UNFINISHED /* what the text ends in the middle of; the last token */
} egs_html_kind;

typedef struct {
    egs_html_kind kind;
    const char *data; /* in the text; of an element that has to have an end and has none, its start tag */
    apr_size_t length;
    const char *name; /* of a tag, in any letter case */
    apr_size_t name_length;
} egs_html_token;

/** One of a tag. A name may stand twice, and then the first one counts. */
typedef struct {
    const char *name; /* in any letter case */
    apr_size_t name_length;
    const char *value; /* without its quotes, not decoded; NULL: there is none */
    apr_size_t value_length;
    int is_quoted;
} egs_html_attribute;

typedef struct {
    const char *at, *end;
    const char *opened; /* start tag of the element whose contents come next, and are no markup; or NULL */
    const char *opened_name;
    int no_cdata_end; /* no "]]>" comes any more */
} egs_html_scan;

void egs_html_scan_start(egs_html_scan *scan, const char *text, apr_size_t length);

/** The next token: together they are the text. @return 0 at its end */
int egs_html_scan_next(egs_html_token *token, egs_html_scan *scan);

/** Is it a tag of that name? @param name  in lower case */
int egs_html_scan_is(const egs_html_token *token, const char *name);

/**
 * The next attribute of a tag.
 * @param at  how far the tag has been read; NULL at first
 * @return 0 when there are no more
 */
int egs_html_scan_attribute(egs_html_attribute *attribute, const char **at, const egs_html_token *tag);

#endif
