#include "smtp_session.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "smtp_command.h"
#include "smtp_content.h"
#include "utf8.h"

#define TEXT_MAX 400 /* octets of a reply's text: a reply line has 512 (RFC 5321 section 4.5.3.1.5) */

/** What the next line is. */
typedef enum { WANT_COMMAND, WANT_PLAIN, WANT_USERNAME, WANT_PASSWORD } want;

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
    want wants;
    const char *username; /* of AUTH LOGIN, while its password is awaited; in the scratch pool */
    apr_pool_t *scratch;  /* of one command or one AUTH; NULL between them */
    int secure, greeted, authenticated, stopping;
    int known;                       /* it has logged in, or a recipient of it was taken */
    int errors, commands, greetings; /* since the last mail */
    int auth_failures;
    apr_int64_t steps;

    /* the mail; pool is NULL without one */
    struct {
        apr_pool_t *pool;
        eg_smtp_envelope envelope;
        int refused;              /* recipients */
        eg_smtp_content *content; /* NULL before DATA */
    } mail;
};

/* ---- replies --------------------------------------------------------------------------------------- */

/* One line of printable ASCII, whatever it quotes. */
static void print_text(char *out, apr_size_t size, const char *text)
{
    apr_size_t length = 0;

    for (; *text != '\0' && length < size - 1; text++) {
        out[length++] = *text >= ' ' && *text <= '~' ? *text : '?';
    }
    out[length] = '\0';
}

/* @param enhanced  NULL: the reply has none (RFC 2034 section 4) */
static void reply(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    char shown[TEXT_MAX + 1], line[EG_SMTP_COMMAND_MAX];
    int length;

    print_text(shown, sizeof shown, text);
    length = apr_snprintf(line, sizeof line, "%d %s%s%s\r\n", code, enhanced != NULL ? enhanced : "",
                          enhanced != NULL ? " " : "", shown);
    session->handler->send(session->handler->baton, line, (apr_size_t)length);
}

/* So many are borne. What is refused for now (4xx) is no fault of the client's. */
static void count_error(eg_smtp_session *session, int code)
{
    session->errors += code >= 500;
}

/* A command that is not carried out. */
static void refuse(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    count_error(session, code);
    reply(session, code, enhanced, text);
}

static void refuse_and_close(eg_smtp_session *session, int code, const char *enhanced, const char *text)
{
    reply(session, code, enhanced, text);
    session->next = EG_SMTP_CLOSE;
}

/* ---- the mail that is under way ---------------------------------------------------------------------- */

static void forget_mail(eg_smtp_session *session)
{
    if (session->mail.pool != NULL) {
        apr_pool_destroy(session->mail.pool);
    }
    memset(&session->mail, 0, sizeof session->mail);
}

static void forget_scratch(eg_smtp_session *session)
{
    if (session->scratch != NULL) {
        apr_pool_destroy(session->scratch);
    }
    session->scratch = NULL;
    session->username = NULL;
}

static apr_pool_t *scratch_of(eg_smtp_session *session)
{
    if (session->scratch == NULL) {
        apr_pool_create(&session->scratch, session->pool);
    }
    return session->scratch;
}

/* ---- commands: greeting ------------------------------------------------------------------------------- */

static int may_log_in(const eg_smtp_session *session)
{
    return session->settings->mode == EG_SMTP_SUBMISSION &&
           (session->secure || session->settings->plain_auth);
}

static int offers_tls(const eg_smtp_session *session)
{
    return session->settings->starttls && !session->secure;
}

static int greet(eg_smtp_session *session, const char *name)
{
    if (*name == '\0' || strchr(name, ' ') != NULL) {
        refuse(session, 501, "5.5.4", "A host name or an address in brackets is needed");
        return 0;
    }
    forget_mail(session);
    session->greeted = 1;
    session->greetings++;
    session->errors += session->greetings > EG_SMTP_GREETINGS_MAX; /* its answer is the longest there is */
    return 1;
}

static void run_helo(eg_smtp_session *session, const char *args)
{
    if (greet(session, args)) {
        reply(session, 250, NULL, session->settings->host);
    }
}

static void run_ehlo(eg_smtp_session *session, const char *args)
{
    const char *answer;

    if (!greet(session, args)) {
        return;
    }
    answer = apr_psprintf(scratch_of(session),
                          "250-%s\r\n250-PIPELINING\r\n250-SIZE %" APR_INT64_T_FMT
                          "\r\n%s%s250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n",
                          session->settings->host, session->settings->message_max,
                          offers_tls(session) ? "250-STARTTLS\r\n" : "",
                          may_log_in(session) ? "250-AUTH PLAIN LOGIN\r\n" : "");
    session->handler->send(session->handler->baton, answer, strlen(answer));
}

static void run_starttls(eg_smtp_session *session, const char *args)
{
    if (session->secure) {
        refuse(session, 503, "5.5.1", "TLS is there already");
    }
    else if (!session->settings->starttls) {
        refuse(session, 502, "5.5.1", "STARTTLS is not offered");
    }
    else if (*args != '\0') {
        refuse(session, 501, "5.5.4", "STARTTLS takes no parameter");
    }
    else if (session->behind > 0) {
        /* Said before TLS, it must not be taken for what is said within (RFC 3207 section 4.2). */
        refuse_and_close(session, 554, "5.5.0", "Nothing may follow STARTTLS before its reply");
    }
    else {
        reply(session, 220, "2.0.0", "Begin TLS");
        session->next = EG_SMTP_STARTTLS;
    }
}

/* ---- commands: logging in ------------------------------------------------------------------------------- */

static void wipe(eg_bytes bytes)
{
    explicit_bzero((void *)(apr_uintptr_t)bytes.data, bytes.size);
}

static void log_in(eg_smtp_session *session, const char *username, const char *password)
{
    eg_smtp_reply answer = { 535, "5.7.8", "Authentication failed" };

    session->handler->authenticate(&answer, session->handler->baton, username, password, scratch_of(session));
    session->authenticated = answer.code == 235;
    session->known |= session->authenticated;
    session->auth_failures += answer.code != 235;
    reply(session, answer.code, answer.enhanced, answer.text);
}

/* The answer to a challenge, or what stood behind AUTH and its mechanism. */
static void take_answer(eg_smtp_session *session, const char *text)
{
    apr_pool_t *pool = scratch_of(session);
    const char *username, *password;
    want wanted = session->wants;
    eg_bytes answer;

    session->wants = WANT_COMMAND;
    if (strcmp(text, "*") == 0) {
        refuse(session, 501, "5.7.0", "Authentication is cancelled");
    }
    else if (!eg_smtp_answer_decode(&answer, text, pool)) {
        refuse(session, 501, "5.5.2", "This is not base64");
    }
    else if (wanted == WANT_PLAIN) {
        if (eg_smtp_plain_parse(&username, &password, answer, pool)) {
            log_in(session, username, password);
            wipe((eg_bytes){ password, strlen(password) });
        }
        else {
            refuse(session, 501, "5.5.2", "An answer of PLAIN is: NUL, user name, NUL, password");
        }
        wipe(answer);
    }
    else if (answer.size == 0 || memchr(answer.data, '\0', answer.size) != NULL) {
        refuse(session, 501, "5.5.2", "A user name or password is empty or has a NUL");
    }
    else if (wanted == WANT_USERNAME) {
        session->username = apr_pstrmemdup(pool, answer.data, answer.size);
        session->wants = WANT_PASSWORD;
        reply(session, 334, NULL, "UGFzc3dvcmQ6"); /* "Password:" */
    }
    else {
        password = apr_pstrmemdup(pool, answer.data, answer.size);
        log_in(session, session->username, password);
        wipe((eg_bytes){ password, answer.size });
        wipe(answer);
    }
}

/* May it log in now? */
static int check_auth(eg_smtp_session *session)
{
    if (session->settings->mode != EG_SMTP_SUBMISSION) {
        refuse(session, 502, "5.5.1", "Nobody logs in here");
    }
    else if (!may_log_in(session)) {
        refuse(session, 538, "5.7.11", "TLS is needed first: say STARTTLS");
    }
    else if (session->authenticated || session->mail.pool != NULL) {
        refuse(session, 503, "5.5.1", "AUTH comes once, and before MAIL");
    }
    else if (!session->greeted) {
        refuse(session, 503, "5.5.1", "Say EHLO first");
    }
    else {
        return 1;
    }
    return 0;
}

static void run_auth(eg_smtp_session *session, const char *args)
{
    apr_size_t length = strcspn(args, " ");
    const char *initial = args + length + strspn(args + length, " ");

    if (!check_auth(session)) {
        return;
    }
    if (length == 5 && apr_cstr_casecmpn(args, "PLAIN", length) == 0) {
        session->wants = WANT_PLAIN;
    }
    else if (length == 5 && apr_cstr_casecmpn(args, "LOGIN", length) == 0) {
        session->wants = WANT_USERNAME;
    }
    else {
        refuse(session, 504, "5.5.4", "AUTH takes PLAIN or LOGIN");
        return;
    }
    if (*initial != '\0') {
        take_answer(session, initial);
    }
    else {
        reply(session, 334, NULL, session->wants == WANT_PLAIN ? "" : "VXNlcm5hbWU6"); /* "Username:" */
    }
}

/* ---- commands: a mail -------------------------------------------------------------------------------------- */

static int check_mail(eg_smtp_session *session)
{
    if (!session->greeted) {
        refuse(session, 503, "5.5.1", "Say EHLO first");
    }
    else if (session->settings->mode == EG_SMTP_SUBMISSION && !session->authenticated) {
        refuse(session, 530, "5.7.0",
               may_log_in(session) ? "Authentication is needed: say AUTH"
                                   : "TLS is needed first: say STARTTLS");
    }
    else if (session->mail.pool != NULL) {
        refuse(session, 503, "5.5.1", "There is a MAIL already");
    }
    else {
        return 1;
    }
    return 0;
}

static void run_mail(eg_smtp_session *session, const char *args)
{
    eg_smtp_reply fault;
    eg_smtp_mail mail;

    if (!check_mail(session)) {
        return;
    }
    if (!eg_smtp_mail_parse(&mail, &fault, args, scratch_of(session))) {
        refuse(session, fault.code, fault.enhanced, fault.text);
        return;
    }
    if (mail.size > session->settings->message_max) {
        refuse(session, 552, "5.3.4", "The mail is too large for here");
        return;
    }
    apr_pool_create(&session->mail.pool, session->pool);
    session->mail.envelope = (eg_smtp_envelope){
        .sender = apr_pstrdup(session->mail.pool, mail.sender),
        .recipients = apr_array_make(session->mail.pool, 4, sizeof(const char *)),
        .utf8 = mail.utf8,
    };
    reply(session, 250, "2.1.0", "Sender ok");
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
    reply(session, answer->code, answer->enhanced, answer->text);
}

static void run_rcpt(eg_smtp_session *session, const char *args)
{
    eg_smtp_envelope *envelope = &session->mail.envelope;
    eg_smtp_reply answer = { 550, "5.1.1", "No such recipient here" };
    const char *address;

    if (session->mail.pool == NULL) {
        refuse(session, 503, "5.5.1", "Say MAIL first");
        return;
    }
    if (is_full(session)) {
        reply(session, 452, "4.5.3", "Too many recipients: send the mail again to the others");
        return;
    }
    if (!eg_smtp_rcpt_parse(&address, &answer, args, envelope->utf8, scratch_of(session))) {
        refuse_recipient(session, &answer);
        return;
    }
    if (session->settings->mode == EG_SMTP_BOUNCES) {
        session->handler->recipient(&answer, session->handler->baton, address, scratch_of(session));
        if (answer.code != 250) {
            refuse_recipient(session, &answer);
            return;
        }
    }
    APR_ARRAY_PUSH(envelope->recipients, const char *) = apr_pstrdup(session->mail.pool, address);
    session->known = 1;
    session->commands--; /* bounded by recipients_max already */
    reply(session, 250, "2.1.5", "Recipient ok");
}

static void run_data(eg_smtp_session *session, const char *args)
{
    if (session->behind > 0) {
        /* If DATA were refused, a mail's text would be taken for commands. */
        refuse_and_close(session, 554, "5.5.0", "Nothing may follow DATA before its reply");
    }
    else if (*args != '\0') {
        refuse(session, 501, "5.5.4", "DATA takes no parameter");
    }
    else if (session->mail.pool == NULL) {
        refuse(session, 503, "5.5.1", "Say MAIL first");
    }
    else if (session->mail.envelope.recipients->nelts == 0) {
        refuse(session, 554, "5.5.1", "There is no recipient");
    }
    else {
        session->mail.content = eg_smtp_content_make(session->settings->message_max, session->mail.pool);
        reply(session, 354, NULL, "Go on; a line with a dot alone is the end");
    }
}

/* ---- commands: others ------------------------------------------------------------------------------------------ */

static void run_rset(eg_smtp_session *session, const char *args)
{
    if (*args != '\0') {
        refuse(session, 501, "5.5.4", "RSET takes no parameter");
        return;
    }
    forget_mail(session);
    reply(session, 250, "2.0.0", "Ok");
}

static void run_noop(eg_smtp_session *session, const char *args)
{
    (void)args;
    reply(session, 250, "2.0.0", "Ok");
}

/* Who exists is told to nobody. */
static void run_vrfy(eg_smtp_session *session, const char *args)
{
    if (*args == '\0') {
        refuse(session, 501, "5.5.4", "VRFY takes an address");
        return;
    }
    reply(session, 252, "2.5.2", "Try to send to it");
}

static void run_help(eg_smtp_session *session, const char *args)
{
    (void)args;
    reply(session, 214, "2.0.0", "See RFC 5321");
}

static void run_quit(eg_smtp_session *session, const char *args)
{
    (void)args;
    refuse_and_close(session, 221, "2.0.0", "Bye");
}

static void run_missing(eg_smtp_session *session, const char *args)
{
    (void)args;
    refuse(session, 502, "5.5.1", "This command is not offered");
}

/*
 * What comes behind it is no command: the octets of BDAT, or a web page's form that
 * somebody's browser was made to send here.
 */
static void run_foreign(eg_smtp_session *session, const char *args)
{
    (void)args;
    refuse_and_close(session, 502, "5.5.1", "This is not spoken here");
}

typedef struct {
    const char *verb;
    void (*run)(eg_smtp_session *session, const char *args);
} command;

static const command commands[] = {
    { "HELO", run_helo },     { "EHLO", run_ehlo },       { "STARTTLS", run_starttls },
    { "AUTH", run_auth },     { "MAIL", run_mail },       { "RCPT", run_rcpt },
    { "DATA", run_data },     { "RSET", run_rset },       { "NOOP", run_noop },
    { "VRFY", run_vrfy },     { "HELP", run_help },       { "QUIT", run_quit },
    { "EXPN", run_missing },  { "TURN", run_missing },    { "ETRN", run_missing },
    { "BDAT", run_foreign },  { "GET", run_foreign },     { "HEAD", run_foreign },
    { "POST", run_foreign },  { "PUT", run_foreign },     { "DELETE", run_foreign },
    { "PATCH", run_foreign }, { "OPTIONS", run_foreign }, { "CONNECT", run_foreign },
    { "TRACE", run_foreign }, { "PRI", run_foreign },
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

/* ---- lines --------------------------------------------------------------------------------------------- */

/* Control characters are in no command, and what is not ASCII is UTF-8. */
static int is_clean(const char *line, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            return 0;
        }
    }
    return eg_utf8_valid(line, length);
}

static void run_command(eg_smtp_session *session, char *line, apr_size_t length)
{
    apr_size_t verb = strcspn(line, " ");
    const command *found;

    while (length > verb && line[length - 1] == ' ') {
        line[--length] = '\0';
    }
    found = find_command(line, verb);
    session->commands++;
    if (!is_clean(line, length)) {
        refuse(session, 500, "5.5.2", "A command has control characters or broken UTF-8");
    }
    else if (found == NULL) {
        refuse(session, 500, "5.5.1", "This is no command");
    }
    else {
        found->run(session, line + verb + strspn(line + verb, " "));
    }
}

/* Is its welcome over? All replies to a stranger have room in a socket: no thread waits for him to read. */
static int is_enough(const eg_smtp_session *session)
{
    int commands_max = session->known ? EG_SMTP_COMMANDS_MAX : EG_SMTP_STRANGER_COMMANDS_MAX;

    return session->errors >= EG_SMTP_ERRORS_MAX || session->commands >= commands_max ||
           session->auth_failures >= EG_SMTP_AUTH_FAILURES_MAX;
}

/* Octets that the line may have without its CRLF: AUTH and MAIL by their extensions. */
static apr_size_t line_max(const eg_smtp_session *session)
{
    if (session->wants != WANT_COMMAND ||
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
    session->commands++;
    if (line_max(session) == EG_SMTP_AUTH_MAX) {
        session->wants = WANT_COMMAND;
        refuse(session, 500, "5.5.6", "The line is too long");
    }
    else {
        refuse(session, 500, "5.5.2", "The line is too long");
    }
}

/* A line has come whole. */
static void run_line(eg_smtp_session *session)
{
    char *line = session->line;
    apr_size_t length = session->length;

    line[length] = '\0';
    session->steps++;
    if (session->stopping && apr_cstr_casecmp(line, "QUIT") != 0) {
        eg_smtp_session_quit(session, "4.3.2", "The server restarts: try again");
    }
    else if (is_enough(session)) {
        eg_smtp_session_quit(session, "4.7.0", "Too many errors, or commands without a mail");
    }
    else if (session->too_long) {
        refuse_long(session);
    }
    else if (session->wants != WANT_COMMAND) {
        take_answer(session, line);
    }
    else {
        run_command(session, line, length);
    }
    wipe((eg_bytes){ line, length }); /* it may have a password */
    session->length = 0;
    session->too_long = 0;
    if (session->wants != WANT_PASSWORD) {
        forget_scratch(session);
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

/* @return octets taken: up to the end of a line, or all */
static apr_size_t feed_line(eg_smtp_session *session, const char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size; i++) {
        int after_cr = session->after_cr;

        session->after_cr = data[i] == '\r';
        if (after_cr != (data[i] == '\n')) {
            /* Others may see lines end elsewhere: then this is not what its author believes that it is. */
            session->errors++;
            refuse_and_close(session, 500, "5.5.2", "A line has a CR or LF alone");
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

/* ---- the content ------------------------------------------------------------------------------------------ */

static const eg_smtp_reply faults[] = {
    [EG_SMTP_CONTENT_SPOILT] = { 550, "5.6.11", "The mail has a CR or LF alone, or a NUL" },
    [EG_SMTP_CONTENT_TOO_LARGE] = { 552, "5.3.4", "The mail is too large for here" },
    [EG_SMTP_CONTENT_LONG_LINE] = { 500, "5.6.0", "The mail has a line of more than 998 octets" },
    [EG_SMTP_CONTENT_NO_ROOM] = { 452, "4.3.1", "There is no room: try again later" },
};

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
        return faults[EG_SMTP_CONTENT_NO_ROOM];
    }
    session->handler->complete(&answer, session->handler->baton, envelope, message, session->mail.pool);
    if (answer.code == 250) {
        session->errors = 0;
        session->commands = 0;
        session->greetings = 0;
    }
    return answer;
}

static eg_smtp_reply refuse_content(eg_smtp_session *session, eg_smtp_fault fault)
{
    count_error(session, faults[fault].code);
    session->handler->refused(session->handler->baton, &faults[fault], &session->mail.envelope);
    return faults[fault];
}

/* The mail is over, whatever became of it. */
static void close_data(eg_smtp_session *session, eg_smtp_reply answer)
{
    reply(session, answer.code, answer.enhanced, answer.text);
    forget_mail(session);
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

static apr_size_t feed_data(eg_smtp_session *session, const char *data, apr_size_t size)
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

/* ---- the session ------------------------------------------------------------------------------------------- */

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
    reply(session, 220, NULL, apr_pstrcat(scratch_of(session), session->settings->host, " ESMTP", NULL));
    forget_scratch(session);
}

eg_smtp_next eg_smtp_session_feed(eg_smtp_session *session, const char *data, apr_size_t size)
{
    while (size > 0 && session->next == EG_SMTP_READ) {
        apr_size_t taken = eg_smtp_session_in_data(session) ? feed_data(session, data, size)
                                                            : feed_line(session, data, size);

        data += taken;
        size -= taken;
    }
    return session->next;
}

void eg_smtp_session_secured(eg_smtp_session *session)
{
    forget_mail(session);
    session->next = EG_SMTP_READ;
    session->secure = 1;
    session->greeted = 0;
    session->authenticated = 0;
    session->known = 0;
}

void eg_smtp_session_stop(eg_smtp_session *session)
{
    session->stopping = 1;
}

void eg_smtp_session_quit(eg_smtp_session *session, const char *enhanced, const char *text)
{
    refuse_and_close(session, 421, enhanced, text);
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
