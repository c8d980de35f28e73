/* SPF records, as far as they can be judged without asking further. */
#include "spf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "utf8.h"

#define VERSION "v=spf1"
#define LOOKUPS_MAX 10 /* section 4.6.4 */

/* Mechanisms and the modifiers that are known (sections 5 and 6). */
static const struct {
    const char *name;
    enum { NONE, OPTIONAL, REQUIRED } argument; /* behind ":" or, of a modifier, "=" */
    int is_modifier, prefix, lookup;            /* prefix: may end with the length of a network, "/24" */
} kinds[] = {
    { "all", NONE, 0, 0, 0 },     { "include", REQUIRED, 0, 0, 1 }, { "a", OPTIONAL, 0, 1, 1 },
    { "mx", OPTIONAL, 0, 1, 1 },  { "ptr", OPTIONAL, 0, 0, 1 },     { "ip4", REQUIRED, 0, 0, 0 },
    { "ip6", REQUIRED, 0, 0, 0 }, { "exists", REQUIRED, 0, 0, 1 },  { "redirect", REQUIRED, 1, 0, 1 },
    { "exp", REQUIRED, 1, 0, 0 },
};

#define KINDS (sizeof kinds / sizeof *kinds)
#define KIND_ALL 0
#define KIND_INCLUDE 1
#define KIND_IP4 5
#define KIND_IP6 6
#define KIND_REDIRECT 8

/* What has been seen of a record. */
typedef struct {
    int counts[KINDS];
    int lookups;
    const char *found; /* include: its qualifier, "" for none; NULL: not there */
    int found_behind_all;
    int redirected; /* to the host */
} survey;

int eg_spf_is_record(const char *text, apr_size_t length)
{
    apr_size_t version = strlen(VERSION);

    return length >= version && strncasecmp(text, VERSION, version) == 0 &&
           (length == version || text[version] == ' ');
}

/* A host name with or without its trailing dot. */
static int is_host(const char *text, const char *host)
{
    apr_size_t length = strlen(host);

    return strncasecmp(text, host, length) == 0 && (text[length] == '\0' || strcmp(text + length, ".") == 0);
}

/* The kind of a term and what stands behind its name. -1: none; KINDS: a modifier that nobody knows. */
static int find_kind(const char **argument, const char *term)
{
    apr_size_t length = 0;

    while (apr_isalnum(term[length]) || (length > 0 && term[length] != '\0' && strchr("-_.", term[length]))) {
        length++;
    }
    *argument = term + length;
    for (size_t i = 0; i < KINDS; i++) {
        if (strlen(kinds[i].name) == length && strncasecmp(term, kinds[i].name, length) == 0 &&
            kinds[i].is_modifier == (term[length] == '=')) {
            return (int)i;
        }
    }
    return apr_isalpha(*term) && term[length] == '=' ? (int)KINDS : -1;
}

/* "192.0.2.0/24": an address and perhaps the length of a network. */
static int is_network(int family, const char *text)
{
    char address[INET6_ADDRSTRLEN] = "", bytes[16];
    apr_size_t length = strcspn(text, "/"),
               digits = text[length] == '/' ? strspn(text + length + 1, "0123456789") : 0;

    if (length >= sizeof address) {
        return 0;
    }
    memcpy(address, text, length);
    if (inet_pton(family, address, bytes) != 1) {
        return 0;
    }
    return text[length] == '\0' || (digits > 0 && digits <= 3 && text[length + 1 + digits] == '\0' &&
                                    atoi(text + length + 1) <= (family == AF_INET ? 32 : 128));
}

static int is_argument(int kind, const char *text)
{
    char sign = kinds[kind].is_modifier ? '=' : ':';

    if (kind == KIND_IP4 || kind == KIND_IP6) {
        return *text == sign && is_network(kind == KIND_IP4 ? AF_INET : AF_INET6, text + 1);
    }
    if (*text == '\0') {
        return kinds[kind].argument != REQUIRED;
    }
    if (*text == '/') {
        return kinds[kind].prefix && strspn(text, "/0123456789") == strlen(text);
    }
    return kinds[kind].argument != NONE && *text == sign && text[1] != '\0';
}

/* One term. @return 0 when it is none */
static int survey_term(survey *seen, const char *term, const char *include)
{
    const char *argument, *bare = term + (*term != '\0' && strchr("+-~?", *term) != NULL);
    int kind = find_kind(&argument, bare);

    if (kind == (int)KINDS) {
        return bare == term;
    }
    if (kind < 0 || !is_argument(kind, argument) || (kinds[kind].is_modifier && bare != term)) {
        return 0;
    }
    if (kinds[kind].is_modifier && seen->counts[kind] > 0) {
        return 0;
    }
    seen->lookups += kinds[kind].lookup;
    if (kind == KIND_INCLUDE && is_host(argument + 1, include) && seen->found == NULL) {
        seen->found = bare == term || *term == '+' ? "" : term;
        seen->found_behind_all = seen->counts[KIND_ALL] > 0;
    }
    if (kind == KIND_REDIRECT) {
        seen->redirected = is_host(argument + 1, include);
    }
    seen->counts[kind]++;
    return 1;
}

static const char *judge(const survey *seen, const char *include, apr_pool_t *pool)
{
    if (seen->lookups > LOOKUPS_MAX) {
        return apr_psprintf(pool, "a permanent error: %d terms that cause look-ups, and %d are allowed",
                            seen->lookups, LOOKUPS_MAX);
    }
    if (seen->found == NULL) {
        return seen->redirected && seen->counts[KIND_ALL] == 0
                   ? NULL
                   : apr_pstrcat(pool, "include:", include, " is not in it", NULL);
    }
    if (*seen->found != '\0') {
        return apr_psprintf(pool, "include:%s has \"%c\" before it", include, *seen->found);
    }
    return seen->found_behind_all ? apr_psprintf(pool, "include:%s stands behind \"all\"", include) : NULL;
}

const char *eg_spf_problem(const char *text, apr_size_t length, const char *include, apr_pool_t *pool)
{
    char *record = apr_pstrmemdup(pool, text, length), *rest, *term;
    survey seen = { .found = NULL };

    if (!eg_spf_is_record(text, length)) {
        return "it is no SPF record";
    }
    if (strlen(record) != length) {
        return "a permanent error: a NUL is in it";
    }
    for (term = apr_strtok(record + strlen(VERSION), " ", &rest); term != NULL;
         term = apr_strtok(NULL, " ", &rest)) {
        if (!survey_term(&seen, term, include)) {
            return apr_psprintf(pool, "a permanent error: \"%s\" is no term of SPF",
                                eg_utf8_excerpt(term, strlen(term), pool));
        }
    }
    return judge(&seen, include, pool);
}
