/* DELETE /api/v1/email/<MessageID>: what of a message waits is not sent any more. */
#include "message.h"

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_message_cancel(&rows, call, EG_SURFACE_V1, call->path_id);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_message_refuse(call, (int)eg_rows_int(rows, 0, "status"));
    }
    else {
        eg_call_reply(call, eg_message_cancelled(rows));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_cancel_message = { .run = run };
