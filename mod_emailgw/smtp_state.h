/*
 * One SMTP session: what smtp_session.c and the files below it share, and nobody
 * else.
 *
 * smtp_session.c gives octets to smtp_lines.c, and to smtp_data.c while a mail's text
 * comes. smtp_lines.c gives lines to smtp_verbs.c, and answers of AUTH to smtp_auth.c.
 * smtp_verbs.c runs the commands: its own, those of smtp_auth.c, of smtp_mail.c, and
 * DATA. All of them reply by smtp_state.c.
 */
#ifndef EG_SMTP_STATE_H
#define EG_SMTP_STATE_H

#include "smtp_content.h"
#include "smtp_session.h"

/** What the next line is. */
typedef enum {
    EG_SMTP_WANT_COMMAND,
    EG_SMTP_WANT_PLAIN,    /* the answer of AUTH PLAIN */
    EG_SMTP_WANT_USERNAME, /* the first one of AUTH LOGIN */
    EG_SMTP_WANT_PASSWORD  /* the second one */
} eg_smtp_want;

struct eg_smtp_session {
    const eg_smtp_settings *settings;
    const eg_smtp_handler *handler;
    apr_pool_t *pool;
    eg_smtp_next next;

    /* the line that is coming */
    char small[EG_SMTP_MAIL_MAX + 1];
    char *line; /* small, or one of EG_SMTP_AUTH_MAX once that was needed */
    apr_size_t length;
    int after_cr, too_long;
    apr_size_t behind; /* octets that came behind the line that is being run */

    /* the session */
    eg_smtp_want wants;
    const char *username; /* of AUTH LOGIN, while its password is awaited; in the scratch pool */
    apr_pool_t *scratch;  /* of one command or one AUTH; NULL between them */
    int secure, greeted, authenticated, stopping;
    int auth_failures;
    apr_int64_t steps;

    /* since the last mail that was taken */
    struct {
        int errors, commands, greetings;
        int recipients; /* that were taken */
    } since;

    /* the mail; pool is NULL without one */
    struct {
        apr_pool_t *pool;
        eg_smtp_envelope envelope;
        int refused;              /* recipients */
        int was_refused;          /* there is none, for its MAIL was refused */
        eg_smtp_content *content; /* NULL before DATA */
    } mail;
};

/* smtp_state.c */

/** A line. @param enhanced  such as "2.1.0"; NULL: the reply has none (RFC 2034 section 4) */
void eg_smtp_state_reply(eg_smtp_session *session, int code, const char *enhanced, const char *text);

/** So many errors are borne. What is refused for now (4xx) is no fault of the client's. */
void eg_smtp_state_count_error(eg_smtp_session *session, int code);

/** Reply to a command that is not carried out. */
void eg_smtp_state_refuse(eg_smtp_session *session, int code, const char *enhanced, const char *text);

/** Reply, and end the session. */
void eg_smtp_state_close(eg_smtp_session *session, int code, const char *enhanced, const char *text);

/** @name Is it so? If not, the command is refused */
/** @{ */
int eg_smtp_state_has_greeted(eg_smtp_session *session);
int eg_smtp_state_has_mail(eg_smtp_session *session);
int eg_smtp_state_has_no_parameter(eg_smtp_session *session, const char *verb, const char *args);
/** @} */

/** The mail that is under way is none any more. */
void eg_smtp_state_forget_mail(eg_smtp_session *session);

/** Memory of one command or one AUTH. */
apr_pool_t *eg_smtp_state_scratch(eg_smtp_session *session);
void eg_smtp_state_forget_scratch(eg_smtp_session *session);

/* smtp_lines.c */

/** Octets of lines. @return how many are taken: up to the end of a line, or all */
apr_size_t eg_smtp_lines_feed(eg_smtp_session *session, const char *data, apr_size_t size);

/* smtp_verbs.c */

/** Run a command. @param line  without its CRLF and blanks before it, ended by a NUL */
void eg_smtp_verbs_run(eg_smtp_session *session, const char *line, apr_size_t length);

/* smtp_auth.c */

/** May somebody log in on this connection as it is? */
int eg_smtp_auth_is_offered(const eg_smtp_session *session);

/** Has it logged in, or need not? If not, the command is refused. */
int eg_smtp_auth_is_done(eg_smtp_session *session);

/** AUTH. */
void eg_smtp_auth_run(eg_smtp_session *session, const char *args);

/** The answer to a challenge, or what stood behind AUTH and its mechanism. */
void eg_smtp_auth_answer(eg_smtp_session *session, const char *text);

/* smtp_mail.c */

/** MAIL. */
void eg_smtp_mail_begin(eg_smtp_session *session, const char *args);

/** RCPT. */
void eg_smtp_mail_add(eg_smtp_session *session, const char *args);

/* smtp_data.c */

/** DATA. */
void eg_smtp_data_begin(eg_smtp_session *session, const char *args);

/** Octets of a mail's text. @return how many are taken: up to its end, or all */
apr_size_t eg_smtp_data_feed(eg_smtp_session *session, const char *data, apr_size_t size);

/** What is said of a mail with such a text. */
const eg_smtp_reply *eg_smtp_data_refusal(eg_smtp_fault fault);

#endif
