#include "smtp_command.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "base64.h"
#include "mailbox.h"

#define SIZE_DIGITS_MAX 18 /* more would not fit into 63 bits */

static int refuse(eg_smtp_reply *fault, int code, const char *enhanced, const char *text)
{
    *fault = (eg_smtp_reply){ code, enhanced, text };
    return 0;
}

/* ---- addresses ----------------------------------------------------------------------------------- */

/* Past a prefix such as "FROM:", and blanks that some clients have behind it. NULL without it. */
static const char *skip(const char *text, const char *prefix)
{
    apr_size_t length = strlen(prefix);

    if (apr_cstr_casecmpn(text, prefix, length) != 0) {
        return NULL;
    }
    text += length;
    return text + strspn(text, " ");
}

/* The ">" that ends a path: not one in a quoted local part (RFC 5321 section 4.1.2). NULL without one. */
static const char *end_of_path(const char *text)
{
    int quoted = 0;

    for (; *text != '\0'; text++) {
        if (*text == '"') {
            quoted = !quoted;
        }
        else if (quoted && *text == '\\' && text[1] != '\0') {
            text++;
        }
        else if (!quoted && *text == '>') {
            return text;
        }
        else if (!quoted && (*text == ' ' || *text == '<')) {
            return NULL;
        }
    }
    return NULL;
}

/* "<address>" and what follows. @return 0 when it is none */
static int read_path(const char **address, const char **rest, const char *text, apr_pool_t *pool)
{
    const char *end = *text == '<' ? end_of_path(text + 1) : NULL;

    if (end == NULL || end - text - 1 > EG_SMTP_PATH_MAX || (end[1] != '\0' && end[1] != ' ')) {
        return 0;
    }
    *address = apr_pstrmemdup(pool, text + 1, (apr_size_t)(end - text - 1));
    *rest = end + 1;
    return 1;
}

static int is_ascii(const char *text)
{
    while (*text != '\0' && (*text & 0x80) == 0) {
        text++;
    }
    return *text == '\0';
}

/*
 * A sender is who hands over, which may be a machine without a name in the DNS:
 * that is not judged here. No route: nobody needs one (RFC 5321 appendix C).
 */
static int is_sender(const char *address)
{
    return *address == '\0' || (*address != '@' && *address != ':');
}

/* ---- parameters ------------------------------------------------------------------------------------ */

static int is_digits(const char *text)
{
    apr_size_t length = strlen(text);

    return length > 0 && length <= SIZE_DIGITS_MAX && strspn(text, "0123456789") == length;
}

/* RFC 6152. NULL is none. */
static int is_body(const char *value)
{
    return value != NULL &&
           (apr_cstr_casecmp(value, "8BITMIME") == 0 || apr_cstr_casecmp(value, "7BIT") == 0);
}

/** What MAIL can have behind its path, each once. */
enum { SEEN_SIZE = 1, SEEN_BODY = 2, SEEN_UTF8 = 4, SEEN_AUTH = 8 };

/* @param value  NULL: there is no "=". @return which it is, 0 for none that is offered, -1 for a bad value */
static int take_parameter(eg_smtp_mail *mail, const char *name, const char *value)
{
    if (apr_cstr_casecmp(name, "SIZE") == 0) {
        mail->size = value != NULL && is_digits(value) ? apr_atoi64(value) : -1;
        return mail->size >= 0 ? SEEN_SIZE : -1;
    }
    if (apr_cstr_casecmp(name, "BODY") == 0) {
        return is_body(value) ? SEEN_BODY : -1; /* the message itself shows which */
    }
    if (apr_cstr_casecmp(name, "SMTPUTF8") == 0) {
        mail->utf8 = 1;
        return value == NULL ? SEEN_UTF8 : -1;
    }
    if (apr_cstr_casecmp(name, "AUTH") == 0) {
        return value != NULL && *value != '\0' ? SEEN_AUTH : -1; /* who logged in counts, not whom it names */
    }
    return 0;
}

static int read_parameters(eg_smtp_mail *mail, eg_smtp_reply *fault, const char *text, apr_pool_t *pool)
{
    char *state, *word = apr_strtok(apr_pstrdup(pool, text), " ", &state);
    int seen = 0;

    for (; word != NULL; word = apr_strtok(NULL, " ", &state)) {
        char *equals = strchr(word, '=');
        int which;

        if (equals != NULL) {
            *equals = '\0';
        }
        which = take_parameter(mail, word, equals != NULL ? equals + 1 : NULL);
        if (which == 0) {
            return refuse(fault, 555, "5.5.4", "A parameter of MAIL that is not offered");
        }
        if (which < 0 || (seen & which) != 0) {
            return refuse(fault, 501, "5.5.4", "A parameter of MAIL has no good value, or comes twice");
        }
        seen |= which;
    }
    return 1;
}

int eg_smtp_mail_parse(eg_smtp_mail *mail, eg_smtp_reply *fault, const char *text, apr_pool_t *pool)
{
    const char *path = skip(text, "FROM:"), *rest;
    eg_smtp_mail read = { .size = 0 };

    if (path == NULL) {
        return refuse(fault, 501, "5.5.4", "Syntax: MAIL FROM:<address>");
    }
    if (!read_path(&read.sender, &rest, path, pool) || !is_sender(read.sender)) {
        return refuse(fault, 501, "5.1.7", "The sender is no address in angle brackets");
    }
    if (!read_parameters(&read, fault, rest, pool)) {
        return 0;
    }
    if (!read.utf8 && !is_ascii(read.sender)) {
        return refuse(fault, 553, "5.6.7", "A sender with such letters needs SMTPUTF8");
    }
    *mail = read;
    return 1;
}

int eg_smtp_rcpt_parse(const char **address, eg_smtp_reply *fault, const char *text, int utf8,
                       apr_pool_t *pool)
{
    const char *path = skip(text, "TO:"), *rest, *read;
    eg_mailbox box;

    if (path == NULL) {
        return refuse(fault, 501, "5.5.4", "Syntax: RCPT TO:<address>");
    }
    if (!read_path(&read, &rest, path, pool) || eg_mailbox_parse(&box, read, pool) != APR_SUCCESS) {
        return refuse(fault, 501, "5.1.3", "The recipient is no address in angle brackets");
    }
    if (rest[strspn(rest, " ")] != '\0') {
        return refuse(fault, 555, "5.5.4", "A parameter of RCPT that is not offered");
    }
    if (!utf8 && !is_ascii(read)) {
        return refuse(fault, 553, "5.6.7", "A recipient with such letters needs SMTPUTF8");
    }
    *address = read;
    return 1;
}

/* ---- AUTH ------------------------------------------------------------------------------------------ */

/* From first to last, not included. */
static const char *part(const char *first, const char *last, apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, first, (apr_size_t)(last - first));
}

int eg_smtp_plain_parse(const char **username, const char **password, eg_bytes answer, apr_pool_t *pool)
{
    const char *begin = answer.data, *end = begin + answer.size, *first, *second, *acts_for;

    first = answer.size > 0 ? memchr(begin, '\0', answer.size) : NULL;
    second = first != NULL ? memchr(first + 1, '\0', (apr_size_t)(end - first - 1)) : NULL;
    if (second == NULL || memchr(second + 1, '\0', (apr_size_t)(end - second - 1)) != NULL) {
        return 0;
    }
    acts_for = part(begin, first, pool);
    *username = part(first + 1, second, pool);
    *password = part(second + 1, end, pool);
    return **username != '\0' && (*acts_for == '\0' || strcmp(acts_for, *username) == 0);
}

int eg_smtp_answer_decode(eg_bytes *answer, const char *text, apr_pool_t *pool)
{
    if (strcmp(text, "=") == 0 || *text == '\0') {
        *answer = (eg_bytes){ "", 0 };
        return 1;
    }
    return strchr(text, ' ') == NULL && eg_base64_decode(answer, text, strlen(text), pool) == APR_SUCCESS;
}
