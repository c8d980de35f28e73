/* User.Logout: the session that the call came with is over. */
#include "command.h"

static const eg_fault faults[] = {
    { 1, "Missing required parameter: SessionID" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    apr_status_t rv;

    if (call->session_hash == NULL) {
        eg_call_refuse(call, 1);
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "delete_session",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->session_hash, EG_HASH_SIZE)));
    if (rv == APR_SUCCESS) {
        eg_call_reply(call, json_object());
    }
    return rv;
}

const eg_command eg_cmd_user_logout = { .run = run, .faults = faults };
