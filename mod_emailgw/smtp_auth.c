/* AUTH (RFC 4954): by PLAIN and LOGIN. */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "smtp_command.h"
#include "smtp_state.h"

static const char tls_first[] = "TLS is needed first: say STARTTLS";

int eg_smtp_auth_is_offered(const eg_smtp_session *session)
{
    return session->settings->mode == EG_SMTP_SUBMISSION &&
           (session->secure || session->settings->plain_auth);
}

int eg_smtp_auth_is_done(eg_smtp_session *session)
{
    if (session->settings->mode != EG_SMTP_SUBMISSION || session->authenticated) {
        return 1;
    }
    eg_smtp_state_refuse(session, 530, "5.7.0",
                         eg_smtp_auth_is_offered(session) ? "Authentication is needed: say AUTH" : tls_first);
    return 0;
}

static void wipe(eg_bytes bytes)
{
    explicit_bzero((void *)(apr_uintptr_t)bytes.data, bytes.size);
}

static void log_in(eg_smtp_session *session, const char *username, const char *password)
{
    eg_smtp_reply answer = { 535, "5.7.8", "Authentication failed" };

    session->handler->authenticate(&answer, session->handler->baton, username, password,
                                   eg_smtp_state_scratch(session));
    session->authenticated = answer.code == 235;
    session->auth_failures += answer.code != 235;
    eg_smtp_state_reply(session, answer.code, answer.enhanced, answer.text);
}

static void answer_plain(eg_smtp_session *session, eg_bytes answer)
{
    const char *username, *password;

    if (eg_smtp_plain_parse(&username, &password, answer, eg_smtp_state_scratch(session))) {
        log_in(session, username, password);
        wipe((eg_bytes){ password, strlen(password) });
    }
    else {
        eg_smtp_state_refuse(session, 501, "5.5.2", "An answer of PLAIN is: NUL, user name, NUL, password");
    }
    wipe(answer);
}

/* @param wanted  which of the two it is */
static void answer_login(eg_smtp_session *session, eg_smtp_want wanted, eg_bytes answer)
{
    const char *text;

    if (answer.size == 0 || memchr(answer.data, '\0', answer.size) != NULL) {
        eg_smtp_state_refuse(session, 501, "5.5.2", "A user name or password is empty or has a NUL");
        return;
    }
    text = apr_pstrmemdup(eg_smtp_state_scratch(session), answer.data, answer.size);
    if (wanted == EG_SMTP_WANT_USERNAME) {
        session->username = text;
        session->wants = EG_SMTP_WANT_PASSWORD;
        eg_smtp_state_reply(session, 334, NULL, "UGFzc3dvcmQ6"); /* "Password:" */
        return;
    }
    log_in(session, session->username, text);
    wipe((eg_bytes){ text, answer.size });
    wipe(answer);
}

void eg_smtp_auth_answer(eg_smtp_session *session, const char *text)
{
    eg_smtp_want wanted = session->wants;
    eg_bytes answer;

    session->wants = EG_SMTP_WANT_COMMAND;
    if (strcmp(text, "*") == 0) {
        eg_smtp_state_refuse(session, 501, "5.7.0", "Authentication is cancelled");
    }
    else if (!eg_smtp_answer_decode(&answer, text, eg_smtp_state_scratch(session))) {
        eg_smtp_state_refuse(session, 501, "5.5.2", "This is not base64");
    }
    else if (wanted == EG_SMTP_WANT_PLAIN) {
        answer_plain(session, answer);
    }
    else {
        answer_login(session, wanted, answer);
    }
}

/* May it log in now? */
static int check_auth(eg_smtp_session *session)
{
    if (session->settings->mode != EG_SMTP_SUBMISSION) {
        eg_smtp_state_refuse(session, 502, "5.5.1", "Nobody logs in here");
    }
    else if (!eg_smtp_auth_is_offered(session)) {
        eg_smtp_state_refuse(session, 538, "5.7.11", tls_first);
    }
    else if (session->authenticated || session->mail.pool != NULL) {
        eg_smtp_state_refuse(session, 503, "5.5.1", "AUTH comes once, and before MAIL");
    }
    else {
        return eg_smtp_state_has_greeted(session);
    }
    return 0;
}

void eg_smtp_auth_run(eg_smtp_session *session, const char *args)
{
    apr_size_t length = strcspn(args, " ");
    const char *initial = args + length + strspn(args + length, " ");

    if (!check_auth(session)) {
        return;
    }
    if (length == 5 && apr_cstr_casecmpn(args, "PLAIN", length) == 0) {
        session->wants = EG_SMTP_WANT_PLAIN;
    }
    else if (length == 5 && apr_cstr_casecmpn(args, "LOGIN", length) == 0) {
        session->wants = EG_SMTP_WANT_USERNAME;
    }
    else {
        eg_smtp_state_refuse(session, 504, "5.5.4", "AUTH takes PLAIN or LOGIN");
        return;
    }
    if (*initial != '\0') {
        eg_smtp_auth_answer(session, initial);
    }
    else {
        eg_smtp_state_reply(session, 334, NULL,
                            session->wants == EG_SMTP_WANT_PLAIN ? "" : "VXNlcm5hbWU6"); /* "Username:" */
    }
}
