/* EmailGateway.GetMessage: a message of the caller's, the state of each recipient, and its events. */
#include "message.h"

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_message_get(&rows, call, EG_SURFACE_API_PHP, eg_param_text(call, "MessageID"));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse(call, 2);
    }
    else {
        eg_call_reply(call,
                      json_pack("{s:o}", "Message", eg_message_json(rows, EG_SURFACE_API_PHP, call->pool)));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_message = { .run = run,
                                        .params = eg_message_params,
                                        .faults = eg_message_faults };
