/* Octets -> lines of a client; how many, and how long, they may be. */
#include <string.h>

#include <apr_cstr.h>

#include "smtp_state.h"

/* All replies to a stranger have room in a socket: no thread waits for him to read. */
static int commands_max(const eg_smtp_session *session)
{
    if (session->authenticated) {
        return EG_SMTP_COMMANDS_MAX;
    }
    return EG_SMTP_STRANGER_COMMANDS_MAX + (session->since.recipients > 0 ? EG_SMTP_STRANGER_MORE : 0);
}

/* Is its welcome over? */
static int is_enough(const eg_smtp_session *session)
{
    return session->since.errors >= EG_SMTP_ERRORS_MAX || session->since.commands >= commands_max(session) ||
           session->auth_failures >= EG_SMTP_AUTH_FAILURES_MAX;
}

/* Octets that the line may have without its CRLF: AUTH and MAIL by their extensions. */
static apr_size_t line_max(const eg_smtp_session *session)
{
    if (session->wants != EG_SMTP_WANT_COMMAND ||
        (session->length >= 5 && apr_cstr_casecmpn(session->line, "AUTH ", 5) == 0)) {
        return EG_SMTP_AUTH_MAX;
    }
    if (session->length >= 5 && apr_cstr_casecmpn(session->line, "MAIL ", 5) == 0) {
        return EG_SMTP_MAIL_MAX - 2;
    }
    return EG_SMTP_COMMAND_MAX - 2;
}

static void refuse_long(eg_smtp_session *session)
{
    session->since.commands++;
    if (line_max(session) == EG_SMTP_AUTH_MAX) {
        session->wants = EG_SMTP_WANT_COMMAND;
        eg_smtp_state_refuse(session, 500, "5.5.6", "The line is too long");
    }
    else {
        eg_smtp_state_refuse(session, 500, "5.5.2", "The line is too long");
    }
}

/* Without blanks at its end, which some clients leave there. @return its length */
static apr_size_t end_line(char *line, apr_size_t length)
{
    while (length > 0 && line[length - 1] == ' ') {
        length--;
    }
    line[length] = '\0';
    return length;
}

/* A line has come whole. */
static void run_line(eg_smtp_session *session)
{
    char *line = session->line;
    apr_size_t length = end_line(line, session->length);

    session->steps++;
    if (session->stopping && apr_cstr_casecmp(line, "QUIT") != 0) {
        eg_smtp_state_close(session, 421, "4.3.2", "The server restarts: try again");
    }
    else if (is_enough(session)) {
        eg_smtp_state_close(session, 421, "4.7.0", "Too many errors, or commands without a mail");
    }
    else if (session->too_long) {
        refuse_long(session);
    }
    else if (session->wants != EG_SMTP_WANT_COMMAND) {
        eg_smtp_auth_answer(session, line);
    }
    else {
        eg_smtp_verbs_run(session, line, length);
    }
    explicit_bzero(line, length); /* it may have a password */
    session->length = 0;
    session->too_long = 0;
    if (session->wants != EG_SMTP_WANT_PASSWORD) {
        eg_smtp_state_forget_scratch(session);
    }
}

static void add_to_line(eg_smtp_session *session, char octet)
{
    if (session->length >= line_max(session)) {
        session->too_long = 1;
        return;
    }
    if (session->length == sizeof session->small - 1 && session->line == session->small) {
        session->line = apr_palloc(session->pool, EG_SMTP_AUTH_MAX + 1);
        memcpy(session->line, session->small, session->length);
    }
    session->line[session->length++] = octet;
}

apr_size_t eg_smtp_lines_feed(eg_smtp_session *session, const char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size; i++) {
        int after_cr = session->after_cr;

        session->after_cr = data[i] == '\r';
        if (after_cr != (data[i] == '\n')) {
            /* Others may see lines end elsewhere: then this is not what its author believes that it is. */
            session->since.errors++;
            eg_smtp_state_close(session, 500, "5.5.2", "A line has a CR or LF alone");
            return i + 1;
        }
        if (after_cr) {
            session->behind = size - i - 1;
            run_line(session);
            return i + 1;
        }
        if (data[i] != '\r') {
            add_to_line(session, data[i]);
        }
    }
    return size;
}
