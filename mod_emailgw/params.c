/*
 * A call's arguments against its command's list, in the order of the list.
 */
#include "command.h"

#include <string.h>

#include <apr_strings.h>

#include "datetime.h"
#include "json.h"
#include "mail.h"
#include "utf8.h"
#include "uuid.h"

/* Each gives the value as it is kept, or NULL for one that is invalid. */
static json_t *read_text(const eg_param *param, json_t *value)
{
    int fits = json_is_string(value) && json_string_length(value) <= (size_t)param->max &&
               !(param->required && json_string_length(value) == 0) &&
               eg_utf8_is_line(json_string_value(value));

    return fits ? json_incref(value) : NULL;
}

static json_t *read_id(const eg_param *param, const json_t *value)
{
    apr_int64_t id = 0;

    if (eg_json_int(&id, value, 1, EG_ID_MAX) != APR_SUCCESS && param->invalid != 0) {
        return NULL;
    }
    return json_integer(id);
}

static json_t *read_uuid(const eg_param *param, json_t *value)
{
    if (json_is_string(value) && eg_uuid_valid(json_string_value(value))) {
        return json_incref(value);
    }
    return param->invalid != 0 ? NULL : json_string(EG_UUID_NONE);
}

static json_t *read_count(const json_t *value)
{
    apr_int64_t count;

    return eg_json_int(&count, value, 0, EG_ID_MAX) == APR_SUCCESS ? json_integer(count) : NULL;
}

static json_t *read_bool(const json_t *value)
{
    int flag;

    return eg_json_bool(&flag, value) == APR_SUCCESS ? json_integer(flag) : NULL;
}

static json_t *read_day(json_t *value)
{
    return json_is_string(value) && eg_datetime_is_day(json_string_value(value)) ? json_incref(value) : NULL;
}

static json_t *read_mailbox(const eg_call *call, const json_t *value)
{
    eg_mailbox box;

    return json_is_string(value) &&
                   eg_mailbox_parse(&box, json_string_value(value), call->pool) == APR_SUCCESS
               ? json_string(box.address)
               : NULL;
}

static json_t *read_name(json_t *value)
{
    return json_is_string(value) && eg_mail_is_name(json_string_value(value)) ? json_incref(value) : NULL;
}

static json_t *read_time(const eg_call *call, const json_t *value)
{
    const char *text = json_string_value(value);
    char kept[EG_DATETIME_SIZE];
    apr_time_t time;

    if (json_is_integer(value)) {
        text = apr_psprintf(call->pool, "%" APR_INT64_T_FMT, (apr_int64_t)json_integer_value(value));
    }
    return text != NULL && !eg_datetime_is_day(text) && eg_datetime_parse(&time, text) == APR_SUCCESS
               ? json_string(eg_datetime_format(kept, time))
               : NULL;
}

static json_t *read_value(const eg_call *call, const eg_param *param, json_t *value)
{
    switch (param->kind) {
    case EG_TEXT:
        return read_text(param, value);
    case EG_ID:
        return read_id(param, value);
    case EG_UUID:
        return read_uuid(param, value);
    case EG_COUNT:
        return read_count(value);
    case EG_BOOL:
        return read_bool(value);
    case EG_DAY:
        return read_day(value);
    case EG_MAILBOX:
        return read_mailbox(call, value);
    case EG_NAME:
        return read_name(value);
    case EG_TIME:
        return read_time(call, value);
    }
    return NULL;
}

static const char *what_it_takes(const eg_param *param, apr_pool_t *pool)
{
    switch (param->kind) {
    case EG_TEXT:
        return apr_psprintf(pool, "text of %d to %d bytes without control characters",
                            param->required ? 1 : 0, param->max);
    case EG_ID:
        return "an id: a whole number from 1 on";
    case EG_UUID:
        return "a UUID";
    case EG_COUNT:
        return "a whole number from 0 on";
    case EG_BOOL:
        return "1 or 0";
    case EG_DAY:
        return "a day as YYYY-MM-DD";
    case EG_MAILBOX:
        return "an email address, local@domain";
    case EG_NAME:
        return apr_psprintf(pool, "a display name of at most %d bytes, without CR or LF", EG_NAME_MAX);
    case EG_TIME:
        return "a time: Unix seconds, YYYY-MM-DD HH:MM:SS (UTC) or RFC 3339";
    }
    return "something else";
}

/* An empty value of a form is none, but text may be set to nothing. */
static int is_absent(const eg_param *param, const json_t *value)
{
    return value == NULL || (json_is_string(value) && json_string_length(value) == 0 &&
                             (param->required || param->kind != EG_TEXT));
}

static void read_param(eg_call *call, const eg_param *param)
{
    json_t *value = eg_call_arg(call, param->name), *kept;

    if (is_absent(param, value)) {
        if (param->required) {
            eg_call_refuse(call, param->error);
        }
        return;
    }
    kept = read_value(call, param, value);
    if (kept == NULL) {
        eg_errors_add(&call->errors, param->invalid != 0 ? param->invalid : param->error,
                      "Invalid parameter '%s': it must be %s", param->name, what_it_takes(param, call->pool));
        return;
    }
    json_object_set_new(call->params, param->name, kept);
}

void eg_params_read(eg_call *call)
{
    call->params = eg_json_own(json_object(), call->pool);
    for (const eg_param *param = call->command->params; param != NULL && param->name != NULL; param++) {
        read_param(call, param);
        if (eg_errors_any(&call->errors) && !call->command->all_faults) {
            return;
        }
    }
}

int eg_param_given(const eg_call *call, const char *name)
{
    return json_object_get(call->params, name) != NULL;
}

const char *eg_param_text(const eg_call *call, const char *name)
{
    return json_string_value(json_object_get(call->params, name));
}

apr_int64_t eg_param_int(const eg_call *call, const char *name)
{
    return json_integer_value(json_object_get(call->params, name));
}

int eg_param_page(const eg_call *call)
{
    apr_int64_t count = eg_param_int(call, "RetrieveCount");

    if (!eg_param_given(call, "RetrieveCount")) {
        return EG_PAGE_COUNT_DEFAULT;
    }
    return count < EG_PAGE_COUNT_MAX ? (int)count : EG_PAGE_COUNT_MAX;
}

eg_dbarg eg_param_arg(const eg_call *call, const char *name)
{
    json_t *value = json_object_get(call->params, name);

    return json_is_integer(value) ? eg_db_int(json_integer_value(value))
                                  : eg_db_text(json_string_value(value));
}
