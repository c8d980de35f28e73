/*
 * A job's message and envelope sender.
 */
#include <apr_strings.h>

#include "mime.h"

static int give_up(egs_job *job, const char *text)
{
    job->outcome.result = EGS_BOUNCED;
    job->outcome.text = text;
    return 0;
}

int egs_render(egs_job *job, const eg_log *log, apr_pool_t *pool)
{
    egs_content *content = job->content;

    if (!content) {
        eg_log_at(log, EG_LOG_ERR, APR_SUCCESS, EGLOGNO(0320) "message=%s recipient=%s: its content is gone",
                  job->message_id, job->recipient);
        return give_up(job, "The content of this message is no longer stored");
    }
    if (!content->message.data) {
        apr_status_t rv = egs_mime_render(&content->message, content, pool);

        if (rv != APR_SUCCESS) {
            eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0321) "message=%s: cannot be rendered", job->message_id);
            return give_up(job, "The message could not be rendered");
        }
    }
    job->message = content->message;
    job->return_path = content->from_email;
    return 1;
}
