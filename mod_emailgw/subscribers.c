/* An array of {email, name, fields}: each taken, or refused by its index. */
#include "subscribers.h"

#include <string.h>

#include <apr_strings.h>

#include "json.h"
#include "mail.h"
#include "mailbox.h"
#include "utf8.h"

enum { MISSING = 2, INVALID = 3 }; /* codes of the command */

/* @return what is wrong, or NULL */
static const char *check_fields(const json_t *fields, apr_pool_t *pool)
{
    if (!json_is_object(fields)) {
        return "'fields' must be an object";
    }
    if (strlen(eg_json_text(fields, pool)) > EG_SUBSCRIBER_FIELDS_MAX) {
        return "'fields' have more than " APR_STRINGIFY(EG_SUBSCRIBER_FIELDS_MAX) " bytes";
    }
    return NULL;
}

/* @return what is wrong, or NULL */
static const char *read_one(json_t *to, const json_t *value, apr_pool_t *pool)
{
    json_t *email = eg_json_get(value, "email"), *name = eg_json_get(value, "name");
    json_t *fields = eg_json_get(value, "fields");
    const char *problem;
    eg_mailbox box;

    if (!json_is_string(email) || eg_json_twice(value) != NULL) {
        return "it must be an object with 'email', and perhaps 'name' and 'fields', each once";
    }
    if (eg_mailbox_parse(&box, json_string_value(email), pool) != APR_SUCCESS) {
        return apr_psprintf(pool, "'%s' is no email address",
                            eg_utf8_excerpt(json_string_value(email), json_string_length(email), pool));
    }
    json_object_set_new(to, "email", json_string(box.address));
    if (name != NULL && !json_is_null(name)) {
        if (!json_is_string(name) || !eg_mail_is_name(json_string_value(name))) {
            return "'name' must be text of at most " APR_STRINGIFY(EG_NAME_MAX) " bytes, without CR or LF";
        }
        json_object_set(to, "name", name);
    }
    if (fields != NULL && !json_is_null(fields)) {
        problem = check_fields(fields, pool);
        if (problem != NULL) {
            return problem;
        }
        json_object_set(to, "fields", fields);
    }
    return NULL;
}

/* @return 0 when the parameter itself is refused */
static int check_array(eg_call *call, const json_t *array)
{
    if (array == NULL || (json_is_array(array) && json_array_size(array) == 0)) {
        eg_call_refuse(call, MISSING);
    }
    else if (!json_is_array(array) || json_array_size(array) > EG_SUBSCRIBERS_ADD_MAX) {
        eg_call_refuse_for(call, INVALID, "it must be an array of at most %d", EG_SUBSCRIBERS_ADD_MAX);
    }
    return !eg_errors_any(&call->errors);
}

void eg_subscribers_parse(eg_subscribers *subscribers, eg_call *call)
{
    json_t *array = eg_mail_structure(call, "Subscribers"), *value;
    size_t i;

    subscribers->good = eg_json_own(json_array(), call->pool);
    subscribers->failed = eg_json_own(json_array(), call->pool);
    if (!check_array(call, array)) {
        return;
    }
    json_array_foreach(array, i, value)
    {
        json_t *one = eg_json_own(json_object(), call->pool);
        const char *problem = read_one(one, value, call->pool);

        if (problem != NULL) {
            json_array_append_new(subscribers->failed,
                                  json_pack("{s:i, s:s}", "Index", (int)i, "ErrorMessage", problem));
        }
        else {
            json_array_append(subscribers->good, one);
        }
    }
}
