/* EmailGateway.ClearDomainQueue: what a domain has in the queue is not sent any more. */
#include "command.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: DomainID" },
    { 2, "Unable to retrieve sender domain" },
    { 0, NULL },
};

/* The sender tells each recipient's end; here it is only made sure that no more are begun. */
static apr_status_t run(eg_call *call)
{
    eg_rows *rows;
    /* Not repeatable: a second one would take what was accepted in between, too. */
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "clear_domain_queue",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_bool(rows, 0, "known")) {
        eg_call_reply(call, json_pack("{s:I}", "ClearedEmails", (json_int_t)eg_rows_int(rows, 0, "mails")));
    }
    else {
        eg_call_refuse(call, 2);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_clear_domain_queue = { .run = run, .params = params, .faults = faults };
