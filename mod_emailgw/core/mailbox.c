/* Mailboxes: parse and check one address (RFC 5321 section 4.1.2, RFC 6531 section 3.3). */
#include "mailbox.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "hostname.h"
#include "utf8.h"

/*
 * Length of the character at text: printable ASCII, or UTF-8 that cannot end
 * a line or turn the reading direction; 0 when it is neither.
 */
static apr_size_t printable(const char *text, apr_size_t length)
{
    apr_uint32_t code;
    apr_size_t size = eg_utf8_next(&code, text, length);

    return size > 0 && !eg_utf8_is_control(code) ? size : 0;
}

/* Length of the quoted string (RFC 5321: Quoted-string) that text begins with, quotes included, or 0. */
static apr_size_t quoted_string(const char *text, apr_size_t length)
{
    apr_size_t at = 1, size;

    while (at < length && text[at] != '"') {
        if (text[at] == '\\') {
            at++; /* quoted-pairSMTP: any printable ASCII character */
            if (at == length || text[at] < ' ' || text[at] > '~') {
                return 0;
            }
        }
        size = printable(text + at, length - at);
        if (size == 0) {
            return 0;
        }
        at += size;
    }
    return at < length ? at + 1 : 0;
}

/* Length of one character of an atom (RFC 5322: atext, RFC 6531: UTF8-non-ascii), or 0. */
static apr_size_t atom_character(const char *text, apr_size_t length)
{
    if (length > 0 && (unsigned char)*text < 0x80) {
        return *text != '\0' && (apr_isalnum(*text) || strchr("!#$%&'*+-/=?^_`{|}~", *text) != NULL);
    }
    return printable(text, length);
}

/* Length of the atoms, single dots between them, that text begins with, or 0. */
static apr_size_t dot_atom(const char *text, apr_size_t length)
{
    apr_size_t at = 0;

    for (;;) {
        apr_size_t begin = at, size;

        while ((size = atom_character(text + at, length - at)) > 0) {
            at += size;
        }
        if (at == begin) {
            return 0;
        }
        if (at == length || text[at] != '.') {
            return at;
        }
        at++;
    }
}

static int has_non_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text != '\0';
}

apr_status_t eg_mailbox_parse(eg_mailbox *box, const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    apr_size_t local = *text == '"' ? quoted_string(text, length) : dot_atom(text, length);
    const char *domain;
    apr_status_t rv;

    if (local == 0 || local > EG_LOCAL_PART_MAX || text[local] != '@') {
        return APR_EINVAL;
    }
    rv = eg_hostname_parse(&domain, text + local + 1, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (local + 1 + strlen(domain) > EG_MAILBOX_MAX) {
        return APR_EINVAL;
    }
    box->local = apr_pstrmemdup(pool, text, local);
    box->domain = domain;
    box->address = apr_pstrcat(pool, box->local, "@", domain, NULL);
    box->utf8_local = has_non_ascii(box->local);
    return APR_SUCCESS;
}
