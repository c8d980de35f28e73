/* EmailGateway.GetDomains: the caller's sender domains. */
#include "command.h"
#include "json.h"

static apr_status_t run(eg_call *call)
{
    json_t *domains = json_array();
    eg_rows *rows;
    apr_status_t rv;

    eg_json_own(domains, call->pool);
    rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_domains", EG_DB_ARGS(eg_db_int(call->account_id)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        json_array_append_new(domains, json_pack("{s:s, s:s, s:b, s:b}", "DomainID",
                                                 eg_rows_text(rows, row, "domain_id"), "DomainName",
                                                 eg_rows_text(rows, row, "name"), "Verified",
                                                 eg_rows_bool(rows, row, "verified"), "Active",
                                                 eg_rows_bool(rows, row, "active")));
    }
    eg_call_reply(call, json_pack("{s:O}", "Domains", domains));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_domains = { .run = run };
