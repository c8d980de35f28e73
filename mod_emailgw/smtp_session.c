#include "smtp_session.h"

#include <apr_strings.h>

#include "smtp_state.h"

eg_smtp_session *eg_smtp_session_make(const eg_smtp_settings *settings, const eg_smtp_handler *handler,
                                      apr_pool_t *pool)
{
    eg_smtp_session *session = apr_pcalloc(pool, sizeof *session);

    session->settings = settings;
    session->handler = handler;
    session->pool = pool;
    session->line = session->small;
    session->secure = settings->secure;
    return session;
}

void eg_smtp_session_greet(eg_smtp_session *session)
{
    eg_smtp_state_reply(session, 220, NULL,
                        apr_pstrcat(eg_smtp_state_scratch(session), session->settings->host, " ESMTP", NULL));
    eg_smtp_state_forget_scratch(session);
}

eg_smtp_next eg_smtp_session_feed(eg_smtp_session *session, const char *data, apr_size_t size)
{
    while (size > 0 && session->next == EG_SMTP_READ) {
        apr_size_t taken = eg_smtp_session_in_data(session) ? eg_smtp_data_feed(session, data, size)
                                                            : eg_smtp_lines_feed(session, data, size);

        data += taken;
        size -= taken;
    }
    return session->next;
}

void eg_smtp_session_secured(eg_smtp_session *session)
{
    eg_smtp_state_forget_mail(session);
    session->next = EG_SMTP_READ;
    session->secure = 1;
    session->greeted = 0;
    session->authenticated = 0;
}

void eg_smtp_session_stop(eg_smtp_session *session)
{
    session->stopping = 1;
}

void eg_smtp_session_quit(eg_smtp_session *session, const char *enhanced, const char *text)
{
    eg_smtp_state_close(session, 421, enhanced, text);
}

int eg_smtp_session_in_data(const eg_smtp_session *session)
{
    return session->mail.content != NULL;
}

int eg_smtp_session_authenticated(const eg_smtp_session *session)
{
    return session->authenticated;
}

apr_int64_t eg_smtp_session_steps(const eg_smtp_session *session)
{
    return session->steps;
}
