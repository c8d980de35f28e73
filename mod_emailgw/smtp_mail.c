/* MAIL and RCPT: the envelope. */
#include <apr_strings.h>

#include "smtp_command.h"
#include "smtp_state.h"

static int may_begin(eg_smtp_session *session)
{
    if (!eg_smtp_state_has_greeted(session) || !eg_smtp_auth_is_done(session)) {
        return 0;
    }
    if (session->mail.pool != NULL) {
        eg_smtp_state_refuse(session, 503, "5.5.1", "There is a MAIL already");
        return 0;
    }
    return 1;
}

static void begin_mail(eg_smtp_session *session, const char *args)
{
    eg_smtp_reply fault;
    eg_smtp_mail mail;

    if (!may_begin(session)) {
        return;
    }
    if (!eg_smtp_mail_parse(&mail, &fault, args, eg_smtp_state_scratch(session))) {
        eg_smtp_state_refuse(session, fault.code, fault.enhanced, fault.text);
        return;
    }
    if (mail.size > session->settings->message_max) {
        fault = *eg_smtp_data_refusal(EG_SMTP_CONTENT_TOO_LARGE);
        eg_smtp_state_refuse(session, fault.code, fault.enhanced, fault.text);
        return;
    }
    apr_pool_create(&session->mail.pool, session->pool);
    session->mail.envelope = (eg_smtp_envelope){
        .sender = apr_pstrdup(session->mail.pool, mail.sender),
        .recipients = apr_array_make(session->mail.pool, 4, sizeof(const char *)),
        .utf8 = mail.utf8,
        .secure = session->secure,
    };
    eg_smtp_state_reply(session, 250, "2.1.0", "Sender ok");
}

void eg_smtp_mail_begin(eg_smtp_session *session, const char *args)
{
    begin_mail(session, args);
    session->mail.was_refused = session->mail.pool == NULL;
}

/* Recipients are often pipelined behind MAIL: if that is refused they are no errors of their own. */
static int has_mail(eg_smtp_session *session)
{
    if (session->mail.was_refused) {
        eg_smtp_state_reply(session, 503, "5.5.1", "There is no mail: its MAIL was refused");
        return 0;
    }
    return eg_smtp_state_has_mail(session);
}

/* As many may be refused as may be taken: of a long list others are good. */
static int is_full(const eg_smtp_session *session)
{
    return session->mail.envelope.recipients->nelts >= session->settings->recipients_max ||
           session->mail.refused >= session->settings->recipients_max;
}

/* No error of the session: it counts for its mail. */
static void refuse_recipient(eg_smtp_session *session, const eg_smtp_reply *answer)
{
    session->mail.refused++;
    eg_smtp_state_reply(session, answer->code, answer->enhanced, answer->text);
}

/*
 * Those of a mail are no commands: recipients_max bounds them. A stranger has as many
 * for all mails that he begins and gives up again.
 */
static void count_recipient(eg_smtp_session *session)
{
    session->since.recipients++;
    if (session->authenticated || session->since.recipients <= session->settings->recipients_max) {
        session->since.commands--;
    }
}

void eg_smtp_mail_add(eg_smtp_session *session, const char *args)
{
    eg_smtp_envelope *envelope = &session->mail.envelope;
    eg_smtp_reply answer = { 550, "5.1.1", "No such recipient here" };
    const char *address;

    if (!has_mail(session)) {
        return;
    }
    if (is_full(session)) {
        eg_smtp_state_reply(session, 452, "4.5.3", "Too many recipients: send the mail again to the others");
        return;
    }
    if (!eg_smtp_rcpt_parse(&address, &answer, args, envelope->utf8, eg_smtp_state_scratch(session))) {
        refuse_recipient(session, &answer);
        return;
    }
    if (session->settings->mode == EG_SMTP_BOUNCES) {
        session->handler->recipient(&answer, session->handler->baton, address,
                                    eg_smtp_state_scratch(session));
        if (answer.code != 250) {
            refuse_recipient(session, &answer);
            return;
        }
    }
    APR_ARRAY_PUSH(envelope->recipients, const char *) = apr_pstrdup(session->mail.pool, address);
    count_recipient(session);
    eg_smtp_state_reply(session, 250, "2.1.5", "Recipient ok");
}
