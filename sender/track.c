/* The links that are a recipient's own in a mail. */
#include <apr_strings.h>
#include <string.h>

#include "fieldlist.h"
#include "track.h"

#define UNSUBSCRIBE "Unsubscribe"
#define FOOTER_HTML "<p style=\"font-size:12px;text-align:center\">{{unsubscribe}}</p>"
#define FOOTER_PLAIN UNSUBSCRIBE ": {{unsubscribe}}\n"

int egs_track_has_links(const egs_content *content)
{
    return content->tracking_url &&
           (content->track_links || content->track_opens || content->unsubscribe_link);
}

/* One that has no target. NULL where it is not wanted. */
static apr_status_t make_link(const char **link, int wanted, eg_track_purpose purpose, const egs_links *links,
                              apr_pool_t *pool)
{
    *link = wanted ? eg_tracktoken_link(purpose, links->base, &links->mail, NULL, links->secret, pool) : NULL;
    return wanted && !*link ? APR_EGENERAL : APR_SUCCESS;
}

apr_status_t egs_track_links(egs_links *links, const egs_job *job, const eg_secret *secret, apr_pool_t *pool)
{
    const egs_content *content = job->content;
    apr_status_t rv;

    *links = (egs_links){ .base = content->tracking_url,
                          .mail = { job->account_id, job->message_id, job->recipient_no },
                          .secret = secret };
    if (!egs_track_has_links(content)) {
        return APR_SUCCESS;
    }
    links->clicks = content->track_links;
    rv = make_link(&links->pixel, content->track_opens, EG_TRACK_OPEN, links, pool);
    return rv == APR_SUCCESS
               ? make_link(&links->unsubscribe, content->unsubscribe_link, EG_TRACK_UNSUBSCRIBE, links, pool)
               : rv;
}

const char *egs_track_click(void *baton, const char *url, apr_pool_t *pool)
{
    const egs_links *links = baton;

    return links->clicks
               ? eg_tracktoken_link(EG_TRACK_CLICK, links->base, &links->mail, url, links->secret, pool)
               : NULL;
}

/* Of the whole base nothing needs quoting (eg_trackurl_parse), nor of a token. */
static const char *write_pixel(const egs_links *links, apr_pool_t *pool)
{
    return links->pixel
               ? apr_psprintf(pool, "<img src=\"%s\" width=\"1\" height=\"1\" alt=\"\" border=\"0\">",
                              links->pixel)
               : NULL;
}

egs_rewriting egs_track_rewriting(egs_links *links, const char *line_end, apr_pool_t *pool)
{
    return (egs_rewriting){ .link = links->clicks ? egs_track_click : NULL,
                            .baton = links,
                            .pixel = write_pixel(links, pool),
                            .unsubscribe_url = links->unsubscribe,
                            .unsubscribe_words = UNSUBSCRIBE,
                            .footer_html = apr_pstrcat(pool, FOOTER_HTML, line_end, NULL),
                            .footer_plain = FOOTER_PLAIN,
                            .line_end = line_end };
}

egs_content egs_track_texts(const egs_content *content, egs_links *links, apr_pool_t *pool)
{
    const egs_rewriting with = egs_track_rewriting(links, "\n", pool);
    egs_content own = *content;

    if (!egs_track_has_links(content)) {
        return own;
    }
    if (own.html) {
        own.html = egs_rewrite_html(own.html, strlen(own.html), &with, pool).data;
    }
    if (own.plain) {
        own.plain = egs_rewrite_plain(own.plain, strlen(own.plain), &with, pool).data;
    }
    return own;
}

const char *egs_track_unsubscribe_field(const egs_links *links, const egs_content *content)
{
    return links->unsubscribe && !strncmp(links->unsubscribe, "https://", 8) &&
                   !eg_fieldlist_has(content->headers, EG_UNSUBSCRIBE_FIELDS)
               ? links->unsubscribe
               : NULL;
}
