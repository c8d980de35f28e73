/* EmailGateway.AddSuppression: an address gets nothing more from the account, or from one of its domains. */
#include "suppression.h"
#include "suppressionlist.h"

#define REASON "manual" /* where none is given */

static const eg_param params[] = {
    { "EmailAddress", EG_MAILBOX, EG_REQUIRED, .error = 1, .invalid = 2 },
    { "DomainID", EG_ID, EG_OPTIONAL, .invalid = 3 },
    { "Reason", EG_TEXT, EG_OPTIONAL, .error = 4, .max = EG_SUPPRESSION_REASON_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: EmailAddress" },
    { 3, "Invalid DomainID or DomainID not found" },
    { 0, NULL },
};

static apr_status_t run(eg_call *call)
{
    const char *reason = eg_param_text(call, "Reason");
    eg_suppression_batch batch;
    int added, status;
    apr_status_t rv;

    eg_suppression_batch_make(&batch, 1, call->pool);
    eg_suppression_batch_add(&batch, call, eg_param_text(call, "EmailAddress"),
                             reason != NULL && *reason != '\0' ? reason : REASON, call->pool);
    rv = eg_suppression_put(&added, &status, call, &batch, call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        eg_call_reply(call, json_pack("{s:b}", "Added", added));
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_add_suppression = { .run = run, .params = params, .faults = faults };
