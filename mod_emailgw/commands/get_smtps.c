/* EmailGateway.GetSMTPs: the SMTP credentials of a domain, their passwords masked: only hashes of them are stored. */
#include "command.h"
#include "json.h"
#include "submission.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter 'DomainID'." },
    { 2, "Unable to retrieve sender domain details." },
    { 0, NULL },
};

#define MASK "********"

static json_t *smtp_json(const eg_call *call, const eg_rows *rows, int row)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "SMTPID",
                     eg_rows_text(rows, row, "smtp_id"), "SMTPHost", call->limits->submission_host,
                     "SMTPPorts", eg_submission_ports(call), "Username", eg_rows_text(rows, row, "username"),
                     "Password", MASK, "FromEmail", eg_rows_text(rows, row, "from_email"), "FromName",
                     eg_rows_text(rows, row, "from_name"), "ReplyToEmail",
                     eg_rows_text(rows, row, "reply_to_email"), "ReplyToName",
                     eg_rows_text(rows, row, "reply_to_name"), "IsActive", eg_rows_bool(rows, row, "active"),
                     "CreationDate", eg_call_time(eg_rows_int(rows, row, "created_us")), "LastUsedDate",
                     eg_call_time(eg_rows_int(rows, row, "last_used_us")));
}

static apr_status_t run(eg_call *call)
{
    json_t *smtps = eg_json_own(json_array(), call->pool);
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 2, "get_smtps",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "smtp_id") != NULL; row++) {
        json_array_append_new(smtps, smtp_json(call, rows, row));
    }
    eg_call_reply(call, json_pack("{s:O}", "SMTPs", smtps));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_smtps = { .run = run, .params = params, .faults = faults };
