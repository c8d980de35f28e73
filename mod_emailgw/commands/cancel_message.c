/* EmailGateway.CancelMessage: what of a message of the caller's waits is not sent any more. */
#include "message.h"

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_message_cancel(&rows, call, EG_SURFACE_API_PHP, eg_param_text(call, "MessageID"));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse(call, 2);
    }
    else {
        eg_call_reply(call, eg_message_cancelled(rows));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_cancel_message = { .run = run,
                                           .params = eg_message_params,
                                           .faults = eg_message_faults };
