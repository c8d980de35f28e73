/* URLs that may be fetched from here, by their text. */
#include "url.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "hostname.h"
#include "netaddr.h"

#define NOT_PUBLIC "its host is no public address"

/** A URL taken apart; host is without brackets. */
typedef struct {
    const char *scheme, *host;
    int is_literal6; /* the host stood in brackets */
    int port;
    const char *port_text; /* ":8080", or "" */
    const char *rest;      /* path and query */
} parts;

/* The whole text: what no URL has, and what others would read otherwise than we do. */
static const char *check_bytes(const char *text)
{
    if (strlen(text) > EG_URL_MAX) {
        return "it has over 2048 bytes";
    }
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) {
            return "it has a blank or a control character";
        }
        if (strchr("\\\"<>^`{|}", *c) != NULL) {
            return "it has a character that must be escaped";
        }
        if (*c == '#') {
            return "it has a fragment";
        }
    }
    return NULL;
}

/* @return what is left behind the scheme, or NULL */
static const char *take_scheme(parts *url, const char *text)
{
    static const char *const schemes[] = { "http", "https" };

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        apr_size_t length = strlen(schemes[i]);

        if (apr_cstr_casecmpn(text, schemes[i], length) == 0 && strncmp(text + length, "://", 3) == 0) {
            url->scheme = schemes[i];
            url->port = i == 0 ? 80 : 443;
            return text + length + 3;
        }
    }
    return NULL;
}

/* ":8080" up to its end. */
static const char *take_port(parts *url, const char *text, apr_pool_t *pool)
{
    apr_size_t digits;

    url->port_text = "";
    if (*text == '\0') {
        return NULL;
    }
    digits = strspn(text + 1, "0123456789");
    if (*text != ':' || digits == 0 || digits > 5 || text[1 + digits] != '\0' || text[1] == '0') {
        return "its port is no number";
    }
    url->port = atoi(text + 1);
    url->port_text = apr_pstrdup(pool, text);
    return eg_netaddr_is_web_port(url->port) ? NULL : "its port is none of 80, 443 and 1024 to 65535";
}

static const char *split(parts *url, const char *text, apr_pool_t *pool)
{
    const char *authority = take_scheme(url, text), *colon;
    apr_size_t length;

    if (authority == NULL) {
        return "it does not begin with http:// or https://";
    }
    length = strcspn(authority, "/?");
    url->rest = authority + length;
    for (const char *c = url->rest; *c != '\0'; c++) {
        if (!apr_isascii(*c)) {
            return "its path has characters that must be escaped";
        }
    }
    authority = apr_pstrmemdup(pool, authority, length);
    if (strchr(authority, '@') != NULL) {
        return "it has a user name";
    }
    url->is_literal6 = *authority == '[';
    if (url->is_literal6) {
        const char *end = strchr(authority, ']');

        if (end == NULL) {
            return "its host is no name";
        }
        url->host = apr_pstrmemdup(pool, authority + 1, (apr_size_t)(end - authority - 1));
        return take_port(url, end + 1, pool);
    }
    colon = strchr(authority, ':');
    url->host = colon != NULL ? apr_pstrmemdup(pool, authority, (apr_size_t)(colon - authority)) : authority;
    return take_port(url, colon != NULL ? colon : "", pool);
}

/* Does the name end in this label? */
static int ends_in(const char *name, const char *suffix)
{
    apr_size_t length = strlen(name), wanted = strlen(suffix);

    return length >= wanted && strcmp(name + length - wanted, suffix) == 0;
}

/* An address in its usual notation is taken when it is public; all other spellings of addresses are no names. */
static const char *check_host(parts *url, const apr_array_header_t *allowed, apr_pool_t *pool)
{
    eg_netaddr addr;

    if (eg_netaddr_parse(&addr, url->host, url->port) == APR_SUCCESS) {
        if (url->is_literal6 != (strchr(url->host, ':') != NULL)) {
            return "its host is no name";
        }
        return eg_netaddr_is_public(&addr) || eg_netaddr_in(allowed, &addr) ? NULL : NOT_PUBLIC;
    }
    if (url->is_literal6) {
        return "its host is no address";
    }
    if (eg_hostname_parse(&url->host, url->host, pool) != APR_SUCCESS) {
        return "its host is no name of two labels or more";
    }
    return ends_in(url->host, ".local") ? "its host is a local name" : NULL;
}

apr_status_t eg_url_parse(const char **url, const char **problem, const char *text,
                          const apr_array_header_t *allowed, apr_pool_t *pool)
{
    parts parsed;
    const char *wrong = check_bytes(text);

    if (wrong == NULL) {
        wrong = split(&parsed, text, pool);
    }
    if (wrong == NULL) {
        wrong = check_host(&parsed, allowed, pool);
    }
    if (wrong != NULL) {
        *problem = wrong;
        return APR_EINVAL;
    }
    *url = apr_pstrcat(pool, parsed.scheme, "://", parsed.is_literal6 ? "[" : "", parsed.host,
                       parsed.is_literal6 ? "]" : "", parsed.port_text, parsed.rest, NULL);
    return APR_SUCCESS;
}
