/*
 * The links that are a recipient's own in a mail: what opens, clicks and unsubscribes
 * are known by. Pure.
 */
#ifndef EGS_TRACK_H
#define EGS_TRACK_H

#include "job.h"
#include "rewrite.h"
#include "tracktoken.h"

/** Of one recipient of one mail. */
typedef struct {
    const char *pixel;       /* the image that tells of opens, or NULL */
    const char *unsubscribe; /* the page to unsubscribe, or NULL */
    int clicks;              /* does egs_track_click make links? */
    const char *base;
    eg_track_mail mail;
    const eg_secret *secret;
} egs_links;

/** Has each recipient of this mail links of their own, and so a copy of it? */
int egs_track_has_links(const egs_content *content);

/**
 * A job's links.
 * @param links  lives as long as the job's content and the secret
 * @return APR_EGENERAL when OpenSSL makes no MAC
 */
apr_status_t egs_track_links(egs_links *links, const egs_job *job, const eg_secret *secret, apr_pool_t *pool);

/**
 * What a link of the mail becomes.
 * @param links  egs_links, as a baton
 * @param url  http or https, decoded
 * @return NULL when it stays as it is: links are not tracked, or this one is none that
 *         can be (eg_tracktoken_link)
 */
const char *egs_track_click(void *links, const char *url, apr_pool_t *pool);

/**
 * How a text of the mail is rewritten for this recipient.
 * @param line_end  of what is put in, where the text has none
 * @param links  lives as long as it
 */
egs_rewriting egs_track_rewriting(egs_links *links, const char *line_end, apr_pool_t *pool);

/**
 * The mail's texts as this recipient gets them: with tracked links, the pixel and the link
 * to unsubscribe, by {{unsubscribe}} or in a footer.
 * @param links  lives as long as own
 * @return content with other texts; both stay below the pool
 */
egs_content egs_track_texts(const egs_content *content, egs_links *links, apr_pool_t *pool);

/**
 * The URL of List-Unsubscribe, or NULL for a mail that is to have none: without https no
 * mail program posts to it (RFC 8058 section 3.1), and one of the client's own stays alone.
 */
const char *egs_track_unsubscribe_field(const egs_links *links, const egs_content *content);

#endif
