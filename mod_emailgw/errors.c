#include "errors.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>

/* Messages of one code. A list can have tens of thousands of faulty items: nobody reads on, and each costs. */
#define SAME_CODE_MAX 20

void eg_errors_init(eg_errors *errors, apr_pool_t *pool)
{
    errors->list = apr_array_make(pool, 4, sizeof(eg_error));
    errors->pool = pool;
}

static void add(eg_errors *errors, int status, int code, const char *message)
{
    const eg_error *known = (const eg_error *)errors->list->elts;
    int same = 0;

    for (int i = 0; i < errors->list->nelts; i++) {
        same += known[i].code == code;
        if (known[i].code == code && strcmp(known[i].message, message) == 0) {
            return;
        }
    }
    if (same >= SAME_CODE_MAX) {
        return;
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

void eg_errors_drop_looked_up(eg_errors *errors)
{
    eg_error *list = (eg_error *)errors->list->elts;
    int kept = 0;

    for (int i = 0; i < errors->list->nelts; i++) {
        if (list[i].code < EG_E_SUPPRESSED || list[i].code > EG_E_LIMIT) {
            list[kept++] = list[i];
        }
    }
    if (kept > 0) {
        errors->list->nelts = kept;
    }
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
static void sort(eg_errors *errors)
{
    eg_error *list = (eg_error *)errors->list->elts;

    for (int i = 1; i < errors->list->nelts; i++) {
        eg_error moved = list[i];
        int at = i;

        for (; at > 0 && list[at - 1].code > moved.code; at--) {
            list[at] = list[at - 1];
        }
        list[at] = moved;
    }
}

json_t *eg_errors_json(eg_errors *errors)
{
    const eg_error *list = (const eg_error *)errors->list->elts;
    json_t *array = json_array();

    sort(errors);
    for (int i = 0; i < errors->list->nelts; i++) {
        json_array_append_new(array,
                              json_pack("{s:i, s:s}", "Code", list[i].code, "Message", list[i].message));
    }
    return json_pack("{s:o}", "Errors", array);
}

json_t *eg_errors_api_json(eg_errors *errors, int all)
{
    const eg_error *list = (const eg_error *)errors->list->elts;
    const char *messages;
    json_t *codes;

    if (!all) {
        return json_pack("{s:b, s:i, s:s}", "Success", 0, "ErrorCode", list[0].code, "ErrorMessage",
                         list[0].message);
    }
    sort(errors);
    messages = list[0].message;
    codes = json_pack("[i]", list[0].code);
    for (int i = 1; i < errors->list->nelts; i++) {
        if (list[i].code != list[i - 1].code) {
            json_array_append_new(codes, json_integer(list[i].code));
        }
        messages = apr_pstrcat(errors->pool, messages, "; ", list[i].message, NULL);
    }
    return json_pack("{s:b, s:o, s:s}", "Success", 0, "ErrorCode", codes, "ErrorMessage", messages);
}
