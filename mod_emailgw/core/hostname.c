/* Domain names: labels, lengths, A-labels (libidn2), public suffixes (libpsl). */
#include "hostname.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <idn2.h>
#include <libpsl.h>

#define TEXT_MAX (4 * EG_DOMAIN_MAX) /* bytes of UTF-8 worth looking at: four a character */
#define IDN_FLAGS (IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL)

static apr_status_t release(void *text)
{
    idn2_free(text);
    return APR_SUCCESS;
}

/* Unicode to A-labels, or NULL. */
static const char *to_ascii(const char *text, apr_pool_t *pool)
{
    char *ascii = NULL;

    if (idn2_to_ascii_8z(text, &ascii, IDN_FLAGS) != IDN2_OK) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, ascii, release, apr_pool_cleanup_null);
    return ascii;
}

/* A-labels to Unicode, or NULL. */
static const char *to_unicode(const char *ascii, apr_pool_t *pool)
{
    char *text = NULL;

    if (idn2_to_unicode_8z8z(ascii, &text, 0) != IDN2_OK) {
        return NULL;
    }
    apr_pool_cleanup_register(pool, text, release, apr_pool_cleanup_null);
    return text;
}

/* Is it what its own Unicode form encodes to? Else two spellings would name one domain, or none. */
static int is_a_label(const char *label, apr_pool_t *pool)
{
    const char *text = to_unicode(label, pool), *again = text != NULL ? to_ascii(text, pool) : NULL;

    return again != NULL && strcmp(again, label) == 0;
}

/* Letters, digits and inner hyphens (RFC 1123 section 2.1), lower case by now. */
static int is_label(const char *label, apr_size_t length, apr_pool_t *pool)
{
    if (length == 0 || length > EG_LABEL_MAX || label[0] == '-' || label[length - 1] == '-') {
        return 0;
    }
    for (apr_size_t i = 0; i < length; i++) {
        if (!apr_islower(label[i]) && !apr_isdigit(label[i]) && label[i] != '-') {
            return 0;
        }
    }
    return strncmp(label, "xn--", 4) != 0 || is_a_label(apr_pstrmemdup(pool, label, length), pool);
}

/* "123" or "0x7f": a name that ends so is an IPv4 address to inet_aton, and no such TLD exists. */
static int is_number(const char *label)
{
    if (strncmp(label, "0x", 2) == 0) {
        return label[2 + strspn(label + 2, "0123456789abcdef")] == '\0';
    }
    return label[strspn(label, "0123456789")] == '\0';
}

static int is_hostname(const char *name, apr_pool_t *pool)
{
    const char *label = name, *dot;

    if (strlen(name) > EG_DOMAIN_MAX || strchr(name, '.') == NULL) {
        return 0;
    }
    while ((dot = strchr(label, '.')) != NULL) {
        if (!is_label(label, (apr_size_t)(dot - label), pool)) {
            return 0;
        }
        label = dot + 1;
    }
    return is_label(label, strlen(label), pool) && !is_number(label) && strcmp(label, "localhost") != 0;
}

apr_status_t eg_hostname_parse(const char **ascii, const char *text, apr_pool_t *pool)
{
    apr_size_t length = strlen(text);
    const char *name = text;
    char *lower;

    if (length > TEXT_MAX) {
        return APR_EINVAL;
    }
    for (apr_size_t i = 0; i < length; i++) {
        if (!apr_isascii(text[i])) {
            name = to_ascii(text, pool);
            break;
        }
    }
    if (name == NULL) {
        return APR_EINVAL;
    }
    lower = apr_pstrdup(pool, name);
    for (char *c = lower; *c != '\0'; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    if (!is_hostname(lower, pool)) {
        return APR_EINVAL;
    }
    *ascii = lower;
    return APR_SUCCESS;
}

const char *eg_hostname_unicode(const char *ascii, apr_pool_t *pool)
{
    const char *text = to_unicode(ascii, pool);

    return text != NULL ? text : ascii;
}

int eg_hostname_within(const char *name, const char *domain)
{
    apr_size_t name_length = strlen(name), domain_length = strlen(domain);

    if (name_length < domain_length || strcmp(name + name_length - domain_length, domain) != 0) {
        return 0;
    }
    return name_length == domain_length ||
           (domain_length > 0 && name[name_length - domain_length - 1] == '.');
}

int eg_hostname_is_public_suffix(const char *ascii)
{
    /* The list that is compiled into the library: constant, so that threads may share it. */
    return psl_is_public_suffix2(psl_builtin(), ascii, PSL_TYPE_ICANN);
}

const char *eg_hostname_organisation(const char *ascii)
{
    return psl_registrable_domain(psl_builtin(), ascii);
}

const char *eg_hostname_own(apr_pool_t *pool)
{
    const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found;
    char name[APRMAXHOSTLEN + 1];
    const char *full = "localhost";

    if (apr_gethostname(name, sizeof name, pool) != APR_SUCCESS || *name == '\0') {
        return full;
    }
    full = apr_pstrdup(pool, name);
    if (strchr(full, '.') == NULL && getaddrinfo(name, NULL, &hints, &found) == 0) {
        if (found->ai_canonname != NULL) {
            full = apr_pstrdup(pool, found->ai_canonname);
        }
        freeaddrinfo(found);
    }
    return full;
}
