/* POST /api/v1/email: one mail into the queue. */
#include "command.h"
#include "send.h"
#include "templated.h"
#include "uuid.h"

static apr_status_t run(eg_call *call)
{
    eg_send send;
    eg_rows *rows;
    apr_status_t rv;
    int done = 0;

    if (!eg_send_read(&send, call)) {
        return eg_send_report_all(call, &send);
    }
    rv = eg_templated_run(&done, call, &send);
    if (rv != APR_SUCCESS || done) {
        return rv;
    }
    rv = eg_uuid_new(send.message_id, call->now);
    if (rv == APR_SUCCESS) {
        rv = eg_accept_mail(&rows, call, &send.mail, send.message_id, &send.hashes);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        return eg_send_refuse(call, &send, rows, 0);
    }
    call->replayed = eg_rows_bool(rows, 0, "replayed");
    eg_call_reply(call, json_pack("{s:s}", "MessageID", eg_rows_text(rows, 0, "message_id")));
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_send_email = { .run = run };
