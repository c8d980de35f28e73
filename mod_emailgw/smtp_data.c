/* DATA: the text of a mail, and what becomes of it. */
#include <string.h>

#include "smtp_state.h"

static const eg_smtp_reply refusals[] = {
    [EG_SMTP_CONTENT_SPOILT] = { 550, "5.6.11", "The mail has a CR or LF alone, or a NUL" },
    [EG_SMTP_CONTENT_TOO_LARGE] = { 552, "5.3.4", "The mail is too large for here" },
    [EG_SMTP_CONTENT_LONG_LINE] = { 500, "5.6.0", "The mail has a line of more than 998 octets" },
    [EG_SMTP_CONTENT_NO_ROOM] = { 452, "4.3.1", "There is no room: try again later" },
};

const eg_smtp_reply *eg_smtp_data_refusal(eg_smtp_fault fault)
{
    return &refusals[fault];
}

static void begin_text(eg_smtp_session *session)
{
    const eg_smtp_settings *settings = session->settings;

    if (session->mail.envelope.recipients->nelts == 0) {
        eg_smtp_state_refuse(session, 554, "5.5.1", "There is no recipient");
        return;
    }
    session->mail.content = eg_smtp_content_make(
        settings->message_max, settings->mode == EG_SMTP_BOUNCES ? EG_RETURNED_SIZE : settings->message_max,
        session->mail.pool);
    eg_smtp_state_reply(session, 354, NULL, "Go on; a line with a dot alone is the end");
}

void eg_smtp_data_begin(eg_smtp_session *session, const char *args)
{
    if (session->behind > 0) {
        /* If DATA were refused, a mail's text would be taken for commands. */
        eg_smtp_state_close(session, 554, "5.5.0", "Nothing may follow DATA before its reply");
    }
    else if (eg_smtp_state_has_no_parameter(session, "DATA", args) && eg_smtp_state_has_mail(session)) {
        begin_text(session);
    }
}

/* A whole and good mail. */
static eg_smtp_reply hand_over(eg_smtp_session *session)
{
    eg_smtp_envelope *envelope = &session->mail.envelope;
    eg_smtp_reply answer = { 451, "4.3.0", "The mail cannot be taken now: try again later" };
    eg_smtp_content *content = session->mail.content;
    eg_bytes message;

    if (!session->handler->has_room(session->handler->baton, eg_smtp_content_size(content),
                                    session->mail.pool) ||
        eg_smtp_content_read(&message, content) != APR_SUCCESS) {
        return refusals[EG_SMTP_CONTENT_NO_ROOM];
    }
    session->handler->complete(&answer, session->handler->baton, envelope, message, session->mail.pool);
    if (answer.code == 250) {
        memset(&session->since, 0, sizeof session->since);
    }
    return answer;
}

static eg_smtp_reply refuse_content(eg_smtp_session *session, eg_smtp_fault fault)
{
    eg_smtp_state_count_error(session, refusals[fault].code);
    session->handler->refused(session->handler->baton, &refusals[fault], &session->mail.envelope);
    return refusals[fault];
}

/* The mail is over, whatever became of it. */
static void close_data(eg_smtp_session *session, eg_smtp_reply answer)
{
    eg_smtp_state_reply(session, answer.code, answer.enhanced, answer.text);
    eg_smtp_state_forget_mail(session);
    session->steps++;
}

static void end_data(eg_smtp_session *session)
{
    eg_smtp_fault fault =
        eg_smtp_content_fault(session->mail.content, session->settings->mode == EG_SMTP_BOUNCES);

    close_data(session, fault == EG_SMTP_CONTENT_GOOD ? hand_over(session) : refuse_content(session, fault));
    if (fault == EG_SMTP_CONTENT_SPOILT) {
        session->next = EG_SMTP_CLOSE;
    }
}

/* Nobody reads on for as long as somebody writes. */
static void break_data(eg_smtp_session *session)
{
    close_data(session, refuse_content(session, EG_SMTP_CONTENT_TOO_LARGE));
    session->next = EG_SMTP_CLOSE;
}

apr_size_t eg_smtp_data_feed(eg_smtp_session *session, const char *data, apr_size_t size)
{
    int end;
    apr_size_t taken = eg_smtp_content_feed(session->mail.content, &end, data, size);

    if (end) {
        end_data(session);
    }
    else if (eg_smtp_content_is_endless(session->mail.content)) {
        break_data(session);
    }
    return taken;
}
