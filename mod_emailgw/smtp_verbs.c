/* The commands of SMTP, by their first word. */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "smtp_state.h"
#include "utf8.h"

static int offers_tls(const eg_smtp_session *session)
{
    return session->settings->starttls && !session->secure;
}

static int greet(eg_smtp_session *session, const char *name)
{
    if (*name == '\0' || strchr(name, ' ') != NULL) {
        eg_smtp_state_refuse(session, 501, "5.5.4", "A host name or an address in brackets is needed");
        return 0;
    }
    eg_smtp_state_forget_mail(session);
    session->greeted = 1;
    session->since.greetings++;
    if (session->since.greetings > EG_SMTP_GREETINGS_MAX) {
        session->since.errors++; /* its answer is the longest there is */
    }
    return 1;
}

static void run_helo(eg_smtp_session *session, const char *args)
{
    if (greet(session, args)) {
        eg_smtp_state_reply(session, 250, NULL, session->settings->host);
    }
}

static void run_ehlo(eg_smtp_session *session, const char *args)
{
    const char *answer;

    if (!greet(session, args)) {
        return;
    }
    answer = apr_psprintf(eg_smtp_state_scratch(session),
                          "250-%s\r\n250-PIPELINING\r\n250-SIZE %" APR_INT64_T_FMT
                          "\r\n%s%s250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
                          session->settings->host, session->settings->message_max,
                          offers_tls(session) ? "250-STARTTLS\r\n" : "",
                          eg_smtp_auth_is_offered(session) ? "250-AUTH PLAIN LOGIN\r\n" : "");
    session->handler->send(session->handler->baton, answer, strlen(answer));
}

static void begin_tls(eg_smtp_session *session)
{
    if (session->behind > 0) {
        /* Said before TLS, it must not be taken for what is said within (RFC 3207 section 4.2). */
        eg_smtp_state_close(session, 554, "5.5.0", "Nothing may follow STARTTLS before its reply");
        return;
    }
    eg_smtp_state_reply(session, 220, "2.0.0", "Begin TLS");
    session->next = EG_SMTP_STARTTLS;
}

static void run_starttls(eg_smtp_session *session, const char *args)
{
    if (session->secure) {
        eg_smtp_state_refuse(session, 503, "5.5.1", "TLS is there already");
    }
    else if (!session->settings->starttls) {
        eg_smtp_state_refuse(session, 502, "5.5.1", "STARTTLS is not offered");
    }
    else if (eg_smtp_state_has_no_parameter(session, "STARTTLS", args)) {
        begin_tls(session);
    }
}

static void run_rset(eg_smtp_session *session, const char *args)
{
    if (eg_smtp_state_has_no_parameter(session, "RSET", args)) {
        eg_smtp_state_forget_mail(session);
        eg_smtp_state_reply(session, 250, "2.0.0", "Ok");
    }
}

static void run_noop(eg_smtp_session *session, const char *args)
{
    (void)args;
    eg_smtp_state_reply(session, 250, "2.0.0", "Ok");
}

/* Who exists is told to nobody. */
static void run_vrfy(eg_smtp_session *session, const char *args)
{
    if (*args == '\0') {
        eg_smtp_state_refuse(session, 501, "5.5.4", "VRFY takes an address");
        return;
    }
    eg_smtp_state_reply(session, 252, "2.5.2", "Try to send to it");
}

static void run_help(eg_smtp_session *session, const char *args)
{
    (void)args;
    eg_smtp_state_reply(session, 214, "2.0.0", "See RFC 5321");
}

static void run_quit(eg_smtp_session *session, const char *args)
{
    (void)args;
    eg_smtp_state_close(session, 221, "2.0.0", "Bye");
}

static void run_missing(eg_smtp_session *session, const char *args)
{
    (void)args;
    eg_smtp_state_refuse(session, 502, "5.5.1", "This command is not offered");
}

/*
 * What comes behind it is no command: the octets of BDAT, or a web page's form that
 * somebody's browser was made to send here.
 */
static void run_foreign(eg_smtp_session *session, const char *args)
{
    (void)args;
    eg_smtp_state_close(session, 502, "5.5.1", "This is not spoken here");
}

typedef struct {
    const char *verb;
    void (*run)(eg_smtp_session *session, const char *args);
} command;

static const command commands[] = {
    { "HELO", run_helo },           { "EHLO", run_ehlo },           { "STARTTLS", run_starttls },
    { "AUTH", eg_smtp_auth_run },   { "MAIL", eg_smtp_mail_begin }, { "RCPT", eg_smtp_mail_add },
    { "DATA", eg_smtp_data_begin }, { "RSET", run_rset },           { "NOOP", run_noop },
    { "VRFY", run_vrfy },           { "HELP", run_help },           { "QUIT", run_quit },

    { "EXPN", run_missing },        { "TURN", run_missing },        { "ETRN", run_missing },

    { "BDAT", run_foreign },        { "GET", run_foreign },         { "HEAD", run_foreign },
    { "POST", run_foreign },        { "PUT", run_foreign },         { "DELETE", run_foreign },
    { "PATCH", run_foreign },       { "OPTIONS", run_foreign },     { "CONNECT", run_foreign },
    { "TRACE", run_foreign },       { "PRI", run_foreign },
};

static const command *find_command(const char *line, apr_size_t length)
{
    for (apr_size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i].verb) == length && apr_cstr_casecmpn(commands[i].verb, line, length) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/*
 * Control characters are in no command, and what is not ASCII is UTF-8. But for the name
 * of a machine, which may be in any charset: nobody is refused for what he calls himself
 * (RFC 5321 section 4.1.4).
 */
static int is_clean(const char *line, apr_size_t length, const command *found)
{
    for (apr_size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            return 0;
        }
    }
    return (found != NULL && (found->run == run_helo || found->run == run_ehlo)) ||
           eg_utf8_valid(line, length);
}

void eg_smtp_verbs_run(eg_smtp_session *session, const char *line, apr_size_t length)
{
    apr_size_t verb = strcspn(line, " ");
    const command *found;

    found = find_command(line, verb);
    session->since.commands++;
    if (!is_clean(line, length, found)) {
        eg_smtp_state_refuse(session, 500, "5.5.2", "A command has control characters or broken UTF-8");
    }
    else if (found == NULL) {
        eg_smtp_state_refuse(session, 500, "5.5.1", "This is no command");
    }
    else {
        found->run(session, line + verb + strspn(line + verb, " "));
    }
}
