/*
 * Tracked links, the open pixel and the link to unsubscribe put into the two
 * texts of a mail; every other byte stays. No database, no tokens: the caller
 * says what a link becomes. Texts are UTF-8. Linear in time. Pure.
 */
#ifndef EGS_REWRITE_H
#define EGS_REWRITE_H

#include "db.h"

#define EGS_REWRITE_LINKS_MAX 10000 /* of one text, with its {{unsubscribe}}s; those behind them stay */

/** Whatever is NULL is not done. */
typedef struct {
    /**
     * What a link becomes: a URL, in the pool. NULL: it stays as it is.
     * @param url  begins with http:// or https://; references in it are decoded,
     *        blanks around it, tabs and line ends gone. UTF-8 without control
     *        characters, but else as it was given: it may have no host, or have
     *        blanks. Until the call returns
     */
    const char *(*link)(void *baton, const char *url, apr_pool_t *pool);
    void *baton;
    const char *pixel;             /* HTML, goes before the end of the body */
    const char *unsubscribe_url;   /* what {{unsubscribe}} stands for */
    const char *unsubscribe_words; /* of the link that it becomes in HTML; NULL: the URL */
    const char *footer_html;       /* with an {{unsubscribe}}, for texts that have none */
    const char *footer_plain;
    const char *line_end; /* of footer_plain, for a text of one line without an end; NULL: LF */
} egs_rewriting;

/**
 * Rewrite HTML. Links are the values of href of a and area that are absolute
 * http or https URLs without placeholders (link.h), unless the element has the
 * class no-track or an attribute data-no-track. A value with a character
 * reference that is not known (html_entities.h) stays.
 *
 * {{unsubscribe}} becomes a link where it stands in text but not right behind a
 * "<", the URL within a link and as the whole of an href. Comments (those for Outlook too), declarations,
 * CDATA sections, the contents of style, script, title, textarea and the like,
 * and what the text ends in the middle of stay as they are.
 *
 * The footer and then the pixel go before the last </body>, before the last
 * </html> where there is none, and else at the end, but not into something that
 * is unfinished there.
 * @return with a NUL behind it; the very text when nothing changes. At most its
 *         length, footer and pixel, and for each link 15 bytes and six times the
 *         length of what it became: of an {{unsubscribe}} URL and words
 */
eg_bytes egs_rewrite_html(const char *text, apr_size_t length, const egs_rewriting *with, apr_pool_t *pool);

/**
 * Rewrite plain text. A link is an http or https URL with a host where no letter,
 * digit, underscore or plus sign is before it. It ends at white space, < > ",
 * typographic quotes and the punctuation of Chinese and Japanese, or a closing
 * bracket that was not opened in it; punctuation at its end is not part of it,
 * unless it stands in angle brackets.
 *
 * {{unsubscribe}} becomes the URL. The footer goes to the end, behind an empty
 * line, with the line ends of the text.
 * @return with a NUL behind it; the very text when nothing changes. At most its
 *         length, twice that of the footer and 6, and what its links became
 */
eg_bytes egs_rewrite_plain(const char *text, apr_size_t length, const egs_rewriting *with, apr_pool_t *pool);

#endif
