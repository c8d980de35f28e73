/* EmailGateway.ResetSMTPPassword: a new password for an SMTP credential, shown once. */
#include <stdlib.h>

#include "command.h"
#include "submission.h"

static const eg_param params[] = {
    { "smtpid", EG_ID, EG_REQUIRED, .error = 1 }, /* the reference's spelling */
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'smtpid'" },
    { 2, "SMTP configuration not found or access denied" },
    { 0, NULL },
};

static int preferred_port(const eg_call *call)
{
    return atoi(APR_ARRAY_IDX(call->limits->submission_ports, 0, const char *));
}

static apr_status_t run(eg_call *call)
{
    eg_submission_password password;
    eg_rows *rows;
    apr_status_t rv = eg_submission_password_new(&password, call);

    if (rv == APR_SUCCESS) {
        rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "reset_smtp_password",
                        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "smtpid"),
                                   eg_db_bytes(password.hash, EG_HASH_SIZE)));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_count(rows) == 0) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    eg_call_reply(call, json_pack("{s:{s:s, s:s, s:i, s:s, s:s}}", "SMTP", "SMTPID",
                                  eg_rows_text(rows, 0, "smtp_id"), "Server", call->limits->submission_host,
                                  "Port", preferred_port(call), "Username", eg_rows_text(rows, 0, "username"),
                                  "Password", password.text));
    return APR_SUCCESS;
}

const eg_command eg_cmd_reset_smtp_password = { .run = run, .params = params, .faults = faults };
