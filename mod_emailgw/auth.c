#include "auth.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "json.h"

/* Out of the arguments, so that no log, hash or echo of them has it. */
static void remove_arg(json_t *args, const char *name)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(args, next, key, value) {
        if (apr_cstr_casecmp(key, name) == 0) {
            json_object_del(args, key);
        }
    }
}

int eg_auth_sender_key(eg_call *call)
{
    json_t *arg = eg_json_get(call->args, "SenderAPIKey");
    const char *key = call->bearer;

    if ((key == NULL || *key == '\0') && json_is_string(arg)) {
        key = apr_pstrdup(call->pool, json_string_value(arg));
    }
    remove_arg(call->args, "SenderAPIKey");
    if (key == NULL || *key == '\0') {
        eg_errors_only(&call->errors, EG_E_MISSING_KEY, "Missing SenderAPIKey");
        return 0;
    }
    call->account_id = eg_apikey_account(EG_KEY_SENDER, key);
    if (call->account_id == 0) {
        eg_errors_only(&call->errors, EG_E_KEY, "Invalid SenderAPIKey");
        return 0;
    }
    eg_secret_hash(call->key_hash, key, strlen(key));
    return 1;
}
