/* What an SMTP session says, and what it forgets. */
#include "smtp_state.h"

#include <string.h>

#include <apr_strings.h>

/* One line of printable ASCII, whatever it quotes. */
static void print_text(char *out, apr_size_t size, const char *text)
{
    apr_size_t length = 0;

    for (; *text != '\0' && length < size - 1; text++) {
        out[length++] = *text >= ' ' && *text <= '~' ? *text : '?';
    }
    out[length] = '\0';
}

void eg_smtp_state_reply(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    char shown[EG_SMTP_TEXT_MAX + 1], line[EG_SMTP_COMMAND_MAX];
    int length;

    print_text(shown, sizeof shown, text);
    length = apr_snprintf(line, sizeof line, "%d %s%s%s\r\n", code, enhanced != NULL ? enhanced : "",
                          enhanced != NULL ? " " : "", shown);
    session->handler->send(session->handler->baton, line, (apr_size_t)length);
}

void eg_smtp_state_count_error(eg_smtp_session *session, int code)
{
    session->since.errors += code >= 500;
}

void eg_smtp_state_refuse(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    eg_smtp_state_count_error(session, code);
    eg_smtp_state_reply(session, code, enhanced, text);
}

void eg_smtp_state_close(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    eg_smtp_state_reply(session, code, enhanced, text);
    session->next = EG_SMTP_CLOSE;
}

int eg_smtp_state_has_greeted(eg_smtp_session *session)
{
    if (!session->greeted) {
        eg_smtp_state_refuse(session, 503, "5.5.1", "Say EHLO first");
    }
    return session->greeted;
}

int eg_smtp_state_has_mail(eg_smtp_session *session)
{
    if (session->mail.pool == NULL) {
        eg_smtp_state_refuse(session, 503, "5.5.1", "Say MAIL first");
    }
    return session->mail.pool != NULL;
}

int eg_smtp_state_has_no_parameter(eg_smtp_session *session, const char *verb, const char *args)
{
    if (*args != '\0') {
        eg_smtp_state_refuse(session, 501, "5.5.4",
                             apr_pstrcat(eg_smtp_state_scratch(session), verb, " takes no parameter", NULL));
    }
    return *args == '\0';
}

void eg_smtp_state_forget_mail(eg_smtp_session *session)
{
    if (session->mail.pool != NULL) {
        apr_pool_destroy(session->mail.pool);
    }
    memset(&session->mail, 0, sizeof session->mail);
}

void eg_smtp_state_forget_scratch(eg_smtp_session *session)
{
    if (session->scratch != NULL) {
        apr_pool_destroy(session->scratch);
    }
    session->scratch = NULL;
    session->username = NULL;
}

apr_pool_t *eg_smtp_state_scratch(eg_smtp_session *session)
{
    if (session->scratch == NULL) {
        apr_pool_create(&session->scratch, session->pool);
    }
    return session->scratch;
}
