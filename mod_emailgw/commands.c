#include "command.h"

#include <string.h>

#include "json.h"

/* Every path and which file runs it; all take a sender key. */
static const eg_command commands[] = {
    { "/api/v1/email", "POST", eg_v1_send_email },
    { "/api/v1/events", "GET", eg_v1_get_events },
};

const eg_command *eg_command_find(const char *path)
{
    for (apr_size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(path, commands[i].path) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

json_t *eg_call_arg(const eg_call *call, const char *name)
{
    json_t *value = eg_json_get(call->args, name);

    return json_is_null(value) ? NULL : value;
}

void eg_call_reply(eg_call *call, json_t *reply)
{
    call->reply = eg_json_own(reply, call->pool);
}

void eg_call_refuse_key(eg_call *call, int status)
{
    static const struct {
        int status;
        const char *message;
    } reasons[] = {
        { EG_E_DOMAIN_GONE, "Invalid DomainID: the domain of this SenderAPIKey does not exist any more" },
        { EG_E_ACCOUNT, "Invalid or deactivated user account" },
        { EG_E_DOMAIN_INACTIVE, "Domain is not activated" },
        { EG_E_ACCOUNT_UNVERIFIED, "User account is not verified" },
    };

    for (apr_size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status) {
            eg_errors_only(&call->errors, status, "%s", reasons[i].message);
            return;
        }
    }
    eg_errors_only(&call->errors, EG_E_KEY, "Invalid SenderAPIKey");
}
