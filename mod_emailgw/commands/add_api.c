/* EmailGateway.AddAPI: a new sender key for one of the caller's domains. */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "json.h"
#include "newkey.h"

static const eg_param params[] = {
    { "Description", EG_TEXT, EG_REQUIRED, .error = 1, .max = EG_KEY_DESCRIPTION_MAX },
    { "DomainID", EG_ID, EG_REQUIRED, .error = 2, .invalid = 2 },
    { "ListID", EG_ID, EG_OPTIONAL, .invalid = EG_E_CONTEXT },
    { "SubscriberID", EG_ID, EG_OPTIONAL, .invalid = EG_E_CONTEXT },
    { "JourneyID", EG_ID, EG_OPTIONAL, .invalid = EG_E_CONTEXT },
    { "ActionID", EG_ID, EG_OPTIONAL, .invalid = EG_E_CONTEXT },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing or invalid 'Description' parameter" },
    { 2, "Missing or invalid 'DomainID' parameter" },
    { 3, "Unable to retrieve sender domain with provided 'DomainID'" },
    { EG_E_PERMISSIONS,
      "Invalid parameter 'Permissions': it must be one or more of send, webhooks and events" },
    { 0, NULL },
};

/* All that a key may do, in the order in which it is stored. */
static const char *const permissions[] = { "send", "webhooks", "events" };

#define PERMISSION_COUNT (sizeof permissions / sizeof *permissions)

static int add_permission(int given[PERMISSION_COUNT], const char *name)
{
    for (apr_size_t i = 0; i < PERMISSION_COUNT; i++) {
        if (apr_cstr_casecmp(name, permissions[i]) == 0) {
            given[i] = 1;
            return 1;
        }
    }
    return 0;
}

/* "send, events" */
static int add_list(int given[PERMISSION_COUNT], eg_call *call, const char *text)
{
    char *list = apr_pstrdup(call->pool, text), *state, *name;

    for (name = apr_strtok(list, ", ", &state); name != NULL; name = apr_strtok(NULL, ", ", &state)) {
        if (!add_permission(given, name)) {
            return 0;
        }
    }
    return 1;
}

/*
 * Permissions, a list as text or an array, as it is stored; NULL is all. An empty
 * field of a form is none; to give a key nothing at all is no use.
 */
static const char *read_permissions(eg_call *call)
{
    json_t *value = eg_call_arg(call, "Permissions"), *item;
    int given[PERMISSION_COUNT] = { 0 }, valid = json_is_string(value) || json_is_array(value);
    const char *list = NULL;
    size_t i;

    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        return NULL;
    }
    if (json_is_string(value)) {
        valid = add_list(given, call, json_string_value(value));
    }
    json_array_foreach(value, i, item)
    {
        valid = valid && json_is_string(item) && add_permission(given, json_string_value(item));
    }
    for (i = 0; i < PERMISSION_COUNT; i++) {
        if (given[i]) {
            list = list != NULL ? apr_pstrcat(call->pool, list, ",", permissions[i], NULL) : permissions[i];
        }
    }
    if (!valid || list == NULL) {
        eg_call_refuse(call, EG_E_PERMISSIONS);
    }
    return list;
}

static apr_status_t store(eg_rows **rows, eg_call *call, const eg_apikey *key, const char *allowed)
{
    /* Not repeatable: a second key would be nobody's. */
    return eg_db_call(rows, call->db, EG_DB_ONCE, "add_api",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                 eg_param_arg(call, "Description"), eg_db_bytes(key->hash, EG_HASH_SIZE),
                                 eg_db_bytes(key->sealed.data, key->sealed.size), eg_db_text(allowed),
                                 eg_param_arg(call, "ListID"), eg_param_arg(call, "SubscriberID"),
                                 eg_param_arg(call, "JourneyID"), eg_param_arg(call, "ActionID"),
                                 eg_db_int(EG_KEYS_MAX)));
}

static apr_status_t run(eg_call *call)
{
    const char *allowed = read_permissions(call);
    eg_apikey key;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = eg_newkey_make(&key, call);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = store(&rows, call, &key, allowed);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status == EG_E_TOO_MANY) {
        eg_call_refuse_more(call, EG_KEYS_MAX, "sender keys");
    }
    else if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_newkey_reply(call, &key, rows, eg_call_id(call, eg_param_int(call, "DomainID")),
                        eg_param_text(call, "Description"));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_api = { .run = run, .params = params, .faults = faults };
