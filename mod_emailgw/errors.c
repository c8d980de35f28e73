#include "errors.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

void eg_errors_init(eg_errors *errors, apr_pool_t *pool)
{
    errors->list = apr_array_make(pool, 4, sizeof(eg_error));
    errors->pool = pool;
}

static void add(eg_errors *errors, int status, int code, const char *message)
{
    const eg_error *known = (const eg_error *)errors->list->elts;

    for (int i = 0; i < errors->list->nelts; i++) {
        if (known[i].code == code && strcmp(known[i].message, message) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(errors->list, eg_error) = (eg_error){ code, status, message };
}

void eg_errors_add(eg_errors *errors, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(errors, 0, code, apr_pvsprintf(errors->pool, format, args));
    va_end(args);
}

void eg_errors_add_as(eg_errors *errors, int status, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(errors, status, code, apr_pvsprintf(errors->pool, format, args));
    va_end(args);
}

void eg_errors_only(eg_errors *errors, int code, const char *format, ...)
{
    va_list args;

    apr_array_clear(errors->list);
    va_start(args, format);
    add(errors, 0, code, apr_pvsprintf(errors->pool, format, args));
    va_end(args);
}

int eg_errors_any(const eg_errors *errors)
{
    return errors->list->nelts > 0;
}

const eg_error *eg_errors_first(const eg_errors *errors)
{
    const eg_error *list = (const eg_error *)errors->list->elts, *first = NULL;

    for (int i = 0; i < errors->list->nelts; i++) {
        if (first == NULL || list[i].code < first->code) {
            first = &list[i];
        }
    }
    return first;
}

/* The reference lists its codes in ascending order; errors of one code keep theirs. */
json_t *eg_errors_json(eg_errors *errors)
{
    const eg_error *list = (const eg_error *)errors->list->elts;
    json_t *array = json_array();
    int code = 0;

    for (int left = errors->list->nelts; left > 0;) {
        int next = 0;

        for (int i = 0; i < errors->list->nelts; i++) {
            if (list[i].code > code && (next == 0 || list[i].code < next)) {
                next = list[i].code;
            }
        }
        for (int i = 0; i < errors->list->nelts; i++) {
            if (list[i].code == next) {
                json_array_append_new(array, json_pack("{s:i, s:s}", "Code", next, "Message", list[i].message));
                left--;
            }
        }
        code = next;
    }
    return json_pack("{s:o}", "Errors", array);
}

/* Is this code not yet among those before it? */
static int is_new(const eg_error *list, int i)
{
    for (int before = 0; before < i; before++) {
        if (list[before].code == list[i].code) {
            return 0;
        }
    }
    return 1;
}

json_t *eg_errors_api_json(const eg_errors *errors, int all)
{
    const eg_error *list = (const eg_error *)errors->list->elts;
    const char *messages = list[0].message;
    json_t *codes;

    if (!all) {
        return json_pack("{s:b, s:i, s:s}", "Success", 0, "ErrorCode", list[0].code, "ErrorMessage", messages);
    }
    codes = json_pack("[i]", list[0].code);
    for (int i = 1; i < errors->list->nelts; i++) {
        if (is_new(list, i)) {
            json_array_append_new(codes, json_integer(list[i].code));
        }
        messages = apr_pstrcat(errors->pool, messages, "; ", list[i].message, NULL);
    }
    return json_pack("{s:b, s:o, s:s}", "Success", 0, "ErrorCode", codes, "ErrorMessage", messages);
}
