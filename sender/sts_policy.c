#include "sts_policy.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "dns.h"
#include "hostname.h"
#include "utf8.h"

#define RECORD_VERSION "v=STSv1"
#define POLICY_VERSION "STSv1"
#define MAX_AGE_MAX 31557600 /* seconds: a year */
#define NAME_MAX_LENGTH 32   /* of a field of either */
#define BLANKS " \t"

static const char *const mode_names[] = { "none", "testing", "enforce" };

const char *egs_sts_mode_name(egs_sts_mode mode)
{
    return mode_names[mode];
}

apr_status_t egs_sts_mode_parse(egs_sts_mode *mode, const char *name)
{
    for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
        if (strcmp(name, mode_names[i]) == 0) {
            *mode = (egs_sts_mode)i;
            return APR_SUCCESS;
        }
    }
    return APR_EINVAL;
}

/* The name of a field up to its separator: letters and digits, later also "_", "-" and ".". */
static int is_name(const char *name, apr_size_t length)
{
    if (length == 0 || length > NAME_MAX_LENGTH || !apr_isalnum(name[0])) {
        return 0;
    }
    for (apr_size_t i = 1; i < length; i++) {
        if (!apr_isalnum(name[i]) && strchr("_-.", name[i]) == NULL) {
            return 0;
        }
    }
    return 1;
}

static int is_named(const char *name, apr_size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

/* ---- the record --------------------------------------------------------------------- */

/* Version first, and a semicolon behind it; all else in the TXT records is for others. */
static int is_for_sts(const eg_dns_record *record)
{
    const char *text = record->text;
    apr_size_t length = strlen(RECORD_VERSION);

    if (strncmp(text, RECORD_VERSION, length) != 0) {
        return 0;
    }
    return text[length + strspn(text + length, BLANKS)] == ';';
}

static int is_id(const char *value, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (!apr_isalnum(value[i])) {
            return 0;
        }
    }
    return length >= 1 && length <= EGS_STS_ID_MAX;
}

/* Any printable ASCII but "=" and ";", which has ended it before. */
static int is_extension(const char *value, apr_size_t length)
{
    for (apr_size_t i = 0; i < length; i++) {
        if (value[i] < '!' || value[i] > '~' || value[i] == '=') {
            return 0;
        }
    }
    return length >= 1;
}

/* "name=value", blanks around it gone. @return why not, or NULL */
static const char *take_field(const char **id, const char *field, apr_size_t length, apr_pool_t *pool)
{
    const char *equals = memchr(field, '=', length), *value;
    apr_size_t name_length;

    if (equals == NULL || !is_name(field, (apr_size_t)(equals - field))) {
        return "its record has a field that is no name=value";
    }
    name_length = (apr_size_t)(equals - field);
    value = equals + 1;
    length -= name_length + 1;
    if (!is_named(field, name_length, "id")) {
        return is_extension(value, length) ? NULL : "its record has a value that is not allowed";
    }
    if (!is_id(value, length)) {
        return "its record's id is not 1 to 32 letters and digits";
    }
    if (*id == NULL) {
        *id = apr_pstrmemdup(pool, value, length);
    }
    return NULL;
}

static const char *parse_fields(const char **id, const char *text, apr_pool_t *pool)
{
    const char *problem = NULL;

    *id = NULL;
    while (problem == NULL && *(text += strspn(text, BLANKS)) != '\0') {
        apr_size_t span = strcspn(text, ";"), length = span;

        while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL) {
            length--;
        }
        problem = take_field(id, text, length, pool);
        text += span + (text[span] == ';');
    }
    return problem != NULL ? problem : *id == NULL ? "its record has no id" : NULL;
}

apr_status_t egs_sts_record_parse(const char **id, const char **problem, const apr_array_header_t *records,
                                  apr_pool_t *pool)
{
    const eg_dns_record *found = NULL;
    const char *parsed = NULL, *wrong;
    int count = 0;

    for (int i = 0; i < records->nelts; i++) {
        const eg_dns_record *record = &APR_ARRAY_IDX(records, i, eg_dns_record);

        if (is_for_sts(record)) {
            found = record;
            count++;
        }
    }
    if (count == 0) {
        return APR_NOTFOUND;
    }
    wrong = count > 1 ? apr_psprintf(pool, "it has %d MTA-STS records", count)
            : strlen(found->text) != found->length
                ? "its record has a NUL byte"
                : parse_fields(&parsed, strchr(found->text, ';') + 1, pool);
    if (wrong != NULL) {
        *problem = wrong;
        return APR_EINVAL;
    }
    *id = parsed;
    return APR_SUCCESS;
}

/* ---- the policy --------------------------------------------------------------------- */

/* What has been read of it so far; NULL: not there yet. */
typedef struct {
    const char *version, *mode, *max_age;
    apr_array_header_t *mx;
    apr_pool_t *pool;
} fields;

static const char *take_mx(fields *read, const char *value)
{
    int is_wildcard = strncmp(value, "*.", 2) == 0;
    const char *name;

    if (eg_hostname_parse(&name, is_wildcard ? value + 2 : value, read->pool) != APR_SUCCESS) {
        return apr_psprintf(read->pool, "mx \"%s\" is no host name",
                            eg_utf8_excerpt(value, strlen(value), read->pool));
    }
    APR_ARRAY_PUSH(read->mx, const char *) = is_wildcard ? apr_pstrcat(read->pool, "*.", name, NULL) : name;
    return NULL;
}

/* Blanks at its end are gone. @return why it cannot be, or NULL */
static const char *take_line(fields *read, const char *line, apr_size_t length)
{
    const char *colon = memchr(line, ':', length), *value;
    apr_size_t name_length = colon != NULL ? (apr_size_t)(colon - line) : 0;
    const char **member;

    if (colon == NULL || !is_name(line, name_length)) {
        return apr_psprintf(read->pool, "\"%s\" is no line of the form name: value",
                            eg_utf8_excerpt(line, length, read->pool));
    }
    value = apr_pstrmemdup(read->pool, colon + 1, length - name_length - 1);
    value += strspn(value, BLANKS);
    if (is_named(line, name_length, "mx")) {
        return take_mx(read, value);
    }
    member = is_named(line, name_length, "version")   ? &read->version
             : is_named(line, name_length, "mode")    ? &read->mode
             : is_named(line, name_length, "max_age") ? &read->max_age
                                                      : NULL;
    if (member != NULL && *member == NULL) {
        *member = value;
    }
    return NULL;
}

static const char *read_lines(fields *read, const char *text, apr_size_t length)
{
    const char *end = text + length, *problem = NULL;

    while (problem == NULL && text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        const char *stop = feed != NULL ? feed : end, *last = stop;

        if (feed != NULL && last > text && last[-1] == '\r') {
            last--;
        }
        while (last > text && strchr(BLANKS, last[-1]) != NULL) {
            last--;
        }
        if (last > text) { /* an empty line, most often the last one, says nothing */
            problem = take_line(read, text, (apr_size_t)(last - text));
        }
        text = feed != NULL ? feed + 1 : end;
    }
    return problem;
}

static const char *parse_max_age(apr_interval_time_t *max_age, const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");
    apr_int64_t seconds;

    if (digits == 0 || digits > 10 || text[digits] != '\0') {
        return "max_age is no number of seconds";
    }
    seconds = apr_atoi64(text);
    if (seconds > MAX_AGE_MAX) {
        return "max_age is over 31557600";
    }
    *max_age = apr_time_from_sec(seconds);
    return NULL;
}

static const char *judge(egs_sts_policy *policy, const fields *read)
{
    if (read->version == NULL || strcmp(read->version, POLICY_VERSION) != 0) {
        return "its version is not " POLICY_VERSION;
    }
    if (read->mode == NULL || egs_sts_mode_parse(&policy->mode, read->mode) != APR_SUCCESS) {
        return "its mode is none of none, testing and enforce";
    }
    if (read->max_age == NULL) {
        return "max_age is missing";
    }
    if (read->mx->nelts == 0 && policy->mode != EGS_STS_MODE_NONE) {
        return "mx is missing";
    }
    policy->mx = read->mx;
    return parse_max_age(&policy->max_age, read->max_age);
}

apr_status_t egs_sts_policy_parse(egs_sts_policy *policy, const char **problem, const char *text,
                                  apr_size_t length, apr_pool_t *pool)
{
    fields read = { .mx = apr_array_make(pool, 4, sizeof(const char *)), .pool = pool };
    egs_sts_policy parsed;
    const char *wrong;

    wrong = length > EGS_STS_SIZE_MAX      ? "it is over 64 KiB long"
            : memchr(text, '\0', length)   ? "a NUL byte is in it"
            : !eg_utf8_valid(text, length) ? "it is no UTF-8"
                                           : read_lines(&read, text, length);
    if (wrong == NULL) {
        wrong = judge(&parsed, &read);
    }
    if (wrong != NULL) {
        *problem = wrong;
        return APR_EINVAL;
    }
    *policy = parsed;
    return APR_SUCCESS;
}

/* ---- a mail server ------------------------------------------------------------------ */

static int is_same(const char *pattern, const char *host, apr_size_t length)
{
    return strlen(pattern) == length && apr_cstr_casecmpn(pattern, host, length) == 0;
}

static int fits(const char *pattern, const char *host, apr_size_t length)
{
    const char *dot;

    if (strncmp(pattern, "*.", 2) != 0) {
        return is_same(pattern, host, length);
    }
    dot = memchr(host, '.', length);
    return dot != NULL && dot > host && is_same(pattern + 1, dot, length - (apr_size_t)(dot - host));
}

int egs_sts_allows(const egs_sts_policy *policy, const char *host)
{
    apr_size_t length = strlen(host);

    if (length > 0 && host[length - 1] == '.') {
        length--;
    }
    for (int i = 0; i < policy->mx->nelts; i++) {
        if (fits(APR_ARRAY_IDX(policy->mx, i, const char *), host, length)) {
            return 1;
        }
    }
    return 0;
}
