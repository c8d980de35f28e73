/*
 * What in a mail's text is a link that can be tracked, and what stands for the
 * link to unsubscribe.
 */
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>

#include "link.h"
#include "utf8.h"

#define UNSUBSCRIBE "unsubscribe"

apr_size_t egs_link_scheme(const char *text, apr_size_t length)
{
    static const char *const schemes[] = { "http://", "https://" };

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (length >= strlen(schemes[i]) && apr_cstr_casecmpn(text, schemes[i], strlen(schemes[i])) == 0) {
            return strlen(schemes[i]);
        }
    }
    return 0;
}

static int is_escape(const char *at, const char *end)
{
    return end - at >= 3 && apr_isxdigit(at[1]) && apr_isxdigit(at[2]);
}

static int is_name_part(char c)
{
    return apr_isalnum(c) || c == '_' || c == '-' || c == '.';
}

/* "%name%"; what can be an escaped byte is one. */
static int has_percent_name(const char *at, const char *end)
{
    while (at < end && (at = memchr(at, '%', (size_t)(end - at)))) {
        const char *name = at + 1;

        if (!is_escape(at, end)) {
            while (name < end && is_name_part(*name)) {
                name++;
            }
            if (name > at + 1 && name < end && *name == '%') {
                return 1;
            }
        }
        at = name;
    }
    return 0;
}

static int has_placeholder(const char *url, apr_size_t length)
{
    return memmem(url, length, "{{", 2) || memmem(url, length, "{%", 2) ||
           has_percent_name(url, url + length);
}

static int has_control(const char *url, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if ((unsigned char)url[i] < ' ' || url[i] == 0x7f) {
            return 1;
        }
    }
    return 0;
}

int egs_link_is_tracked(const char *url, apr_size_t length)
{
    return egs_link_scheme(url, length) && !has_control(url, length) && !has_placeholder(url, length) &&
           eg_utf8_valid(url, length);
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return at;
}

static int has_braces(const char *at, const char *end, char brace)
{
    return end - at >= 2 && at[0] == brace && at[1] == brace;
}

apr_size_t egs_link_unsubscribe(const char *at, const char *start, const char *end)
{
    const char *from = at;

    if (!has_braces(at, end, '{') || (at > start && at[-1] == '{')) {
        return 0;
    }
    at = skip_blanks(at + 2, end);
    if ((apr_size_t)(end - at) < strlen(UNSUBSCRIBE) || memcmp(at, UNSUBSCRIBE, strlen(UNSUBSCRIBE)) != 0) {
        return 0;
    }
    at = skip_blanks(at + strlen(UNSUBSCRIBE), end);
    if (!has_braces(at, end, '}') || (end - at > 2 && at[2] == '}')) {
        return 0;
    }
    return (apr_size_t)(at + 2 - from);
}
