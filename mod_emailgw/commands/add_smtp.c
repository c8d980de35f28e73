/* EmailGateway.AddSMTP: a user name and a password to hand in mail of a domain by SMTP. */
#include "command.h"
#include "submission.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "FromEmail", EG_MAILBOX, EG_OPTIONAL, .error = EG_E_DEFAULTS },
    { "FromName", EG_NAME, EG_OPTIONAL, .error = EG_E_DEFAULTS },
    { "ReplyToEmail", EG_MAILBOX, EG_OPTIONAL, .error = EG_E_DEFAULTS },
    { "ReplyToName", EG_NAME, EG_OPTIONAL, .error = EG_E_DEFAULTS },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Required field 'DomainID' is missing." },
    { 2, "Unable to retrieve the sender domain." },
    { EG_E_DEFAULTS, "Invalid parameter 'FromEmail'" },
    { 0, NULL },
};

#define HOW_TO "TLS is required: from the first byte on port 465, by STARTTLS on all others."

static const char *text_or_empty(const eg_call *call, const char *name)
{
    const char *text = eg_param_text(call, name);

    return text != NULL ? text : "";
}

static void reply(eg_call *call, const eg_rows *rows, const char *password)
{
    const char *id = eg_rows_text(rows, 0, "smtp_id");

    eg_call_reply(
        call, json_pack("{s:s, s:{s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "NewSMTPID", id,
                        "SMTP", "SMTPID", id, "SMTPHost", call->limits->submission_host, "SMTPPorts",
                        eg_submission_ports(call), "Username", eg_rows_text(rows, 0, "username"), "Password",
                        password, "FromEmail", text_or_empty(call, "FromEmail"), "FromName",
                        text_or_empty(call, "FromName"), "ReplyToEmail", text_or_empty(call, "ReplyToEmail"),
                        "ReplyToName", text_or_empty(call, "ReplyToName"), "OtherSMTPInfo", HOW_TO));
}

static apr_status_t run(eg_call *call)
{
    eg_submission_password password;
    eg_rows *rows;
    apr_status_t rv = eg_submission_password_new(&password, call);
    int status;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Not repeatable: a second one would be nobody's. */
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "add_smtp",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                               eg_db_bytes(password.hash, EG_HASH_SIZE), eg_param_arg(call, "FromEmail"),
                               eg_param_arg(call, "FromName"), eg_param_arg(call, "ReplyToEmail"),
                               eg_param_arg(call, "ReplyToName"), eg_db_int(EG_SMTPS_MAX)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    switch (status) {
    case 0:
        reply(call, rows, password.text);
        break;
    case EG_E_TOO_MANY:
        eg_call_refuse_more(call, EG_SMTPS_MAX, "SMTP credentials");
        break;
    case EG_E_DEFAULTS:
        eg_call_refuse_for(call, status, "it must be an address of %s or below it",
                           eg_rows_text(rows, 0, "domain_name"));
        break;
    default:
        eg_call_refuse(call, status);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_smtp = { .run = run, .params = params, .faults = faults };
