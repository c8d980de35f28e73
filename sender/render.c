/*
 * A job's message, signed unless that is another's business, and its envelope sender.
 */
#include <apr_strings.h>
#include <string.h>

#include "mime.h"
#include "raw.h"
#include "returnpath.h"
#include "track.h"

#define SIGNATURE_ROOM 2048 /* bytes: twice what the longest domain, selector and list of fields make of it */

static void end(egs_job *job, egs_result result, const char *text)
{
    job->outcome.result = result;
    job->outcome.text = text;
}

/* The signature goes into the room that was left before the message. */
static apr_status_t sign(eg_bytes *message, const egs_dkim_signer *signer, apr_pool_t *pool)
{
    egs_text field;
    apr_status_t rv;
    char *start;

    egs_text_init(&field, SIGNATURE_ROOM, pool);
    rv = egs_dkim_sign(&field, signer, *message, apr_time_now());
    if (rv == APR_SUCCESS && field.length > SIGNATURE_ROOM) {
        rv = APR_ENOSPC;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    start = (char *)message->data - field.length;
    memcpy(start, field.data, field.length);
    *message = (eg_bytes){ start, message->size + field.length };
    return APR_SUCCESS;
}

/* @param links  the recipient's. @return was it made? Else the outcome is set */
static int make_message(eg_bytes *message, egs_job *job, egs_links *links, int is_signed, const eg_log *log,
                        apr_pool_t *pool)
{
    const egs_content *content = job->content;
    egs_content own;
    apr_status_t rv;

    if (is_signed && !content->signer.pair) {
        end(job, EGS_DEFERRED,
            apr_psprintf(pool, "there is no DKIM key of %s that can be used", content->domain));
        return 0;
    }
    if (content->raw.data) {
        rv = egs_raw_render(message, SIGNATURE_ROOM, content, links, pool);
    }
    else {
        own = egs_track_texts(content, links, pool);
        rv =
            egs_mime_render(message, SIGNATURE_ROOM, &own, egs_track_unsubscribe_field(links, content), pool);
    }
    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0321) "message=%s: cannot be rendered", job->message_id);
        end(job, EGS_BOUNCED, "The message could not be rendered");
        return 0;
    }
    rv = is_signed ? sign(message, &content->signer, pool) : APR_SUCCESS;
    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0409) "message=%s: cannot be signed", job->message_id);
        end(job, EGS_DEFERRED, "The message could not be signed");
        return 0;
    }
    return 1;
}

/* All recipients share one message, but where they have links of their own. */
static void find_message(egs_job *job, const eg_secret *secret, int is_signed, const eg_log *log,
                         apr_pool_t *pool)
{
    egs_content *content = job->content;
    egs_links links;

    if (content->message.data) {
        job->message = content->message;
        return;
    }
    if (egs_track_links(&links, job, secret, pool) != APR_SUCCESS) {
        end(job, EGS_DEFERRED, "The links to be tracked could not be made");
        return;
    }
    if (make_message(&job->message, job, &links, is_signed, log, pool) && !egs_track_has_links(content)) {
        content->message = job->message;
    }
}

/* A return path of the message and the recipient, where the domain has a host for it: else bounces go to From. */
static int make_return_path(egs_job *job, const eg_secret *secret, apr_pool_t *pool)
{
    const eg_returnpath path = { job->account_id, job->message_id, job->recipient_no };
    const char *local;

    if (!job->content->return_host) {
        job->return_path = job->content->from_email;
        return 1;
    }
    local = eg_returnpath_make(&path, secret, pool);
    if (!local) {
        end(job, EGS_DEFERRED, "The return path could not be made");
        return 0;
    }
    job->return_path = apr_pstrcat(pool, local, "@", job->content->return_host, NULL);
    return 1;
}

void egs_render(egs_job *job, const eg_secret *secret, int is_signed, const eg_log *log, apr_pool_t *pool)
{
    if (job->outcome.result != EGS_RELEASED) {
        return;
    }
    if (!job->content) {
        eg_log_at(log, EG_LOG_ERR, APR_SUCCESS, EGLOGNO(0320) "message=%s recipient=%s: its content is gone",
                  job->message_id, job->recipient);
        end(job, EGS_BOUNCED, "The content of this message is no longer stored");
        return;
    }
    if (make_return_path(job, secret, pool)) {
        find_message(job, secret, is_signed, log, pool);
    }
}
