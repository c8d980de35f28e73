/* PATCH /api/v1/email/<MessageID>: another SendAt, as long as all of the message waits. */
#include "datetime.h"
#include "mail.h"
#include "message.h"

#define CONFLICT 409

static int parse(apr_time_t *send_at, eg_call *call)
{
    json_t *value = eg_call_arg(call, "SendAt");

    *send_at = 0;
    if (value == NULL || (json_is_string(value) && json_string_length(value) == 0)) {
        eg_errors_add(&call->errors, EG_E_SEND_AT, "SendAt is missing");
        return 0;
    }
    eg_mail_parse_send_at(send_at, call);
    return !eg_errors_any(&call->errors);
}

static void answer(eg_call *call, int status, apr_time_t send_at)
{
    if (status == CONFLICT) {
        eg_errors_add(&call->errors, CONFLICT,
                      "The message does not wait as a whole any more: SendAt cannot be changed");
    }
    else if (status != 0) {
        eg_message_refuse(call, status);
    }
    else {
        eg_call_reply(call,
                      json_pack("{s:s, s:o}", "MessageID", call->path_id, "SendAt", eg_call_time(send_at)));
    }
}

static apr_status_t run(eg_call *call)
{
    char text[EG_DATETIME_SIZE];
    apr_time_t send_at;
    eg_rows *rows;
    apr_status_t rv;

    if (!parse(&send_at, call)) {
        return eg_call_authenticate(call, "send");
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "move_message",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_message_owner(call, EG_SURFACE_V1),
                               eg_message_id(call->path_id),
                               eg_db_text(send_at != 0 ? eg_datetime_format(text, send_at) : NULL)));
    if (rv == APR_SUCCESS) {
        answer(call, (int)eg_rows_int(rows, 0, "status"), send_at);
    }
    return rv;
}

const eg_command eg_cmd_v1_move_message = { .run = run };
