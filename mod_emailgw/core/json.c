/* jansson values owned by a pool; caps on size and depth. */
#include "json.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "utf8.h"

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)
#define LONG_INTEGER 19 /* digits from which on an integer may not fit 64 bits */

/* Step over a string. @param at  behind its opening quote  @return behind its closing one */
static apr_size_t skip_string(const char *text, apr_size_t length, apr_size_t at)
{
    while (at < length && text[at] != '"') {
        at += text[at] == '\\' ? 2 : 1;
    }
    return at < length ? at + 1 : length;
}

/** What is too much about a text, before anything is allocated for it. */
typedef struct {
    apr_size_t deep;   /* offset of the bracket that opens one level too many, or length */
    apr_size_t many;   /* offset of the separator that begins one value too many, or length */
    apr_size_t values; /* seen until then */
} excess;

static excess find_excess(const char *text, apr_size_t length, apr_size_t values_max)
{
    excess found = { length, length, 1 };
    apr_size_t at = 0;
    int depth = 0;

    while (at < length) {
        char c = text[at];

        if (c == '"') {
            at = skip_string(text, length, at + 1);
            continue;
        }
        if ((c == '[' || c == '{') && ++depth > EG_JSON_DEPTH_MAX) {
            found.deep = at;
            break;
        }
        if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (strchr("[{,:", c) != NULL && c != '\0' && ++found.values > values_max) {
            found.many = at;
            break;
        }
        at++;
    }
    return found;
}

/* "line 2, column 5" of an offset; a column is a character, as editors count them. */
static const char *place(const char *text, apr_size_t offset, apr_pool_t *pool)
{
    apr_size_t line = 1, column = 1;

    for (apr_size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        }
        else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    return apr_psprintf(pool, "line %" APR_SIZE_T_FMT ", column %" APR_SIZE_T_FMT, line, column);
}

/* jansson stops right behind the second key: read it backwards from its closing quote. */
static const char *quoted_before(const char *text, apr_size_t end, apr_pool_t *pool)
{
    apr_size_t begin;

    if (end < 2 || text[end - 1] != '"') {
        return "";
    }
    begin = end - 1;
    while (begin > 0) {
        apr_size_t escapes = 0;

        begin--;
        if (text[begin] != '"') {
            continue;
        }
        while (escapes < begin && text[begin - 1 - escapes] == '\\') {
            escapes++;
        }
        if (escapes % 2 == 0) {
            return apr_psprintf(pool, " \"%s\"", eg_utf8_excerpt(text + begin + 1, end - begin - 2, pool));
        }
    }
    return "";
}

/* jansson's own words without the piece of the input that it appends. */
static const char *reason(const json_error_t *error, apr_pool_t *pool)
{
    const char *near = strstr(error->text, " near ");

    return near != NULL ? apr_pstrmemdup(pool, error->text, (apr_size_t)(near - error->text))
                        : apr_pstrdup(pool, error->text);
}

static const char *explain(const json_error_t *error, const char *text, apr_size_t length, apr_pool_t *pool)
{
    apr_size_t offset = error->position < 0 ? 0 : (apr_size_t)error->position;
    const char *where;

    offset = offset < length ? offset : length;
    where = place(text, offset > 0 ? offset - 1 : 0, pool);
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return apr_psprintf(pool, "The key%s is given twice in one JSON object (%s)",
                            quoted_before(text, offset, pool), where);
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return apr_psprintf(
            pool, "A JSON string contains the character NUL (\\u0000), which is not allowed (%s)", where);
    case json_error_invalid_utf8:
        return apr_psprintf(pool, "The JSON text is not valid UTF-8 (%s)", where);
    case json_error_numeric_overflow:
        return apr_psprintf(pool, "A number is too large (%s)", where);
    case json_error_premature_end_of_input:
        return apr_psprintf(pool, "Invalid JSON: the text ends before the value is complete (%s)", where);
    case json_error_end_of_input_expected:
        return apr_psprintf(pool, "Invalid JSON: there is more text behind the value (%s)", where);
    default:
        return apr_psprintf(pool, "Invalid JSON: %s (%s)", reason(error, pool), where);
    }
}

/* A number's end; whole is cleared when it has a fraction, an exponent or an inner sign. */
static apr_size_t skip_number(const char *text, apr_size_t length, apr_size_t at, int *whole)
{
    *whole = 1;
    for (; at < length && strchr("0123456789.eE+-", text[at]) != NULL; at++) {
        *whole &= text[at] >= '0' && text[at] <= '9';
    }
    return at;
}

/*
 * Copy text with ".0" behind each integer that may not fit 64 bits, so that it
 * is read as a real number: an id of 2^70 is valid JSON, and the parameter's own
 * check refuses it.
 */
static const char *widen_integers(apr_size_t *wide_length, const char *text, apr_size_t length,
                                  apr_pool_t *pool)
{
    /* At most one insertion of two bytes for each LONG_INTEGER bytes. */
    char *wide = apr_palloc(pool, length + 2 * (length / LONG_INTEGER) + 1);
    apr_size_t at = 0, used = 0;

    while (at < length) {
        apr_size_t begin = at;
        int whole = 0;

        if (text[at] == '"') {
            at = skip_string(text, length, at + 1);
        }
        else if (text[at] >= '0' && text[at] <= '9') {
            at = skip_number(text, length, at, &whole);
        }
        else {
            at++;
        }
        memcpy(wide + used, text + begin, at - begin);
        used += at - begin;
        if (whole && at - begin >= LONG_INTEGER) {
            memcpy(wide + used, ".0", 2);
            used += 2;
        }
    }
    *wide_length = used;
    return wide;
}

json_t *eg_json_stored(const char *text, apr_pool_t *pool)
{
    const char *problem;
    json_t *value;

    return text != NULL && eg_json_parse(&value, &problem, text, strlen(text), pool) == APR_SUCCESS ? value
                                                                                                    : NULL;
}

apr_size_t eg_json_values(const char *text, apr_size_t length)
{
    return find_excess(text, length, APR_SIZE_MAX).values;
}

apr_status_t eg_json_parse(json_t **value, const char **problem, const char *text, apr_size_t length,
                           apr_pool_t *pool)
{
    return eg_json_parse_many(value, problem, text, length, EG_JSON_VALUES_MAX, pool);
}

apr_status_t eg_json_parse_many(json_t **value, const char **problem, const char *text, apr_size_t length,
                                apr_size_t values_max, apr_pool_t *pool)
{
    excess found = find_excess(text, length, values_max);
    const char *nul = length > 0 ? memchr(text, '\0', length) : NULL;
    json_error_t error;
    json_t *loaded;

    if (length >= 3 && memcmp(text, EG_UTF8_BOM, 3) == 0) {
        *problem = "Invalid JSON: the text begins with a byte order mark";
        return APR_EINVAL;
    }
    if (nul != NULL) { /* jansson overlooks one behind a number */
        *problem = apr_psprintf(pool, "Invalid JSON: there is a NUL byte: the text must be UTF-8 (%s)",
                                place(text, (apr_size_t)(nul - text), pool));
        return APR_EINVAL;
    }
    if (found.deep < length) {
        *problem = apr_psprintf(pool, "The JSON text is nested more than %d levels deep (%s)",
                                EG_JSON_DEPTH_MAX, place(text, found.deep, pool));
        return APR_EINVAL;
    }
    if (found.many < length) {
        *problem = apr_psprintf(pool, "The JSON text has more than %" APR_SIZE_T_FMT " values (%s)",
                                values_max, place(text, found.many, pool));
        return APR_EINVAL;
    }
    loaded = json_loadb(text, length, LOAD_FLAGS, &error);
    if (loaded == NULL && json_error_code(&error) == json_error_numeric_overflow) {
        text = widen_integers(&length, text, length, pool);
        loaded = json_loadb(text, length, LOAD_FLAGS, &error);
    }
    if (loaded == NULL) {
        *problem = explain(&error, text, length, pool);
        return APR_EINVAL;
    }
    *value = eg_json_own(loaded, pool);
    return APR_SUCCESS;
}

static apr_status_t release(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

json_t *eg_json_own(json_t *value, apr_pool_t *pool)
{
    if (value != NULL) {
        apr_pool_cleanup_register(pool, value, release, apr_pool_cleanup_null);
    }
    return value;
}

json_t *eg_json_get(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    void *member;

    if (value != NULL || !json_is_object(object)) {
        return value;
    }
    for (member = json_object_iter((json_t *)object); member != NULL;
         member = json_object_iter_next((json_t *)object, member)) {
        if (apr_cstr_casecmp(json_object_iter_key(member), name) == 0) {
            return json_object_iter_value(member);
        }
    }
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return apr_cstr_casecmp(*(const char *const *)a, *(const char *const *)b);
}

const char *eg_json_twice(const json_t *object)
{
    size_t size = json_object_size(object), count = 0;
    const char **names, *twice = NULL;
    void *member;

    if (size < 2) {
        return NULL;
    }
    names = malloc(size * sizeof *names);
    if (names == NULL) {
        abort(); /* as pools do: a name must not pass unchecked */
    }
    for (member = json_object_iter((json_t *)object); member != NULL;
         member = json_object_iter_next((json_t *)object, member)) {
        names[count++] = json_object_iter_key(member);
    }
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count && twice == NULL; i++) {
        if (apr_cstr_casecmp(names[i - 1], names[i]) == 0) {
            twice = names[i];
        }
    }
    free(names);
    return twice;
}

/* A decimal string of digits only, with a minus sign in front or not. */
static apr_status_t read_decimal(apr_int64_t *number, const char *text, size_t length)
{
    int negative = length > 0 && text[0] == '-';
    apr_int64_t sum = 0;

    if (length == (negative ? 1 : 0)) {
        return APR_EINVAL;
    }
    for (size_t i = negative ? 1 : 0; i < length; i++) {
        int digit = text[i] - '0';

        /* Summed up below zero, where there is room for the smallest number. */
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_sub_overflow(sum, digit, &sum)) {
            return APR_EINVAL;
        }
    }
    if (!negative && sum == APR_INT64_MIN) {
        return APR_EINVAL;
    }
    *number = negative ? sum : -sum;
    return APR_SUCCESS;
}

apr_status_t eg_json_int(apr_int64_t *number, const json_t *value, apr_int64_t min, apr_int64_t max)
{
    apr_int64_t read = 0;

    if (json_is_integer(value)) {
        read = json_integer_value(value);
    }
    else if (!json_is_string(value) ||
             read_decimal(&read, json_string_value(value), json_string_length(value)) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    if (read < min || read > max) {
        return APR_EINVAL;
    }
    *number = read;
    return APR_SUCCESS;
}

apr_status_t eg_json_bool(int *flag, const json_t *value)
{
    static const struct {
        const char *word;
        int flag;
    } words[] = { { "true", 1 }, { "false", 0 }, { "1", 1 },  { "0", 0 },
                  { "yes", 1 },  { "no", 0 },    { "on", 1 }, { "off", 0 } };

    if (json_is_boolean(value)) {
        *flag = json_is_true(value);
        return APR_SUCCESS;
    }
    if (json_is_integer(value) && (json_integer_value(value) == 0 || json_integer_value(value) == 1)) {
        *flag = json_integer_value(value) == 1;
        return APR_SUCCESS;
    }
    if (json_is_string(value)) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (json_string_length(value) == strlen(words[i].word) &&
                apr_cstr_casecmp(json_string_value(value), words[i].word) == 0) {
                *flag = words[i].flag;
                return APR_SUCCESS;
            }
        }
    }
    return APR_EINVAL;
}

static apr_status_t release_text(void *text)
{
    free(text);
    return APR_SUCCESS;
}

const char *eg_json_text(const json_t *value, apr_pool_t *pool)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));

    apr_pool_cleanup_register(pool, text, release_text, apr_pool_cleanup_null);
    return text;
}
