/* EmailGateway.GetDomain: one of the caller's sender domains. */
#include <string.h>

#include "domain.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 2, "Unable to retrieve domain information" },
    { 0, NULL },
};

static int is_active(const char *status)
{
    return strcmp(status, "Enabled") == 0 || strcmp(status, "Warning") == 0;
}

static apr_status_t run(eg_call *call)
{
    json_t *domain;
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 2, "get_domain",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    domain = json_pack("{s:I, s:b}", "DomainID", (json_int_t)eg_rows_int(rows, 0, "domain_id"), "IsActive",
                       is_active(eg_rows_text(rows, 0, "domain_status")));
    eg_domain_show_row(domain, rows, call->pool);
    eg_call_reply(call, json_pack("{s:o}", "Domain", domain));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_domain = { .run = run, .params = params, .faults = faults };
