/* GET /api/v1/email/<MessageID>: a message, the state of each recipient, and its events. */
#include "message.h"

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv = eg_message_get(&rows, call, EG_SURFACE_V1, call->path_id);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_message_refuse(call, (int)eg_rows_int(rows, 0, "status"));
    }
    else {
        eg_call_reply(call, eg_message_json(rows, EG_SURFACE_V1, call->pool));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_get_message = { .run = run };
