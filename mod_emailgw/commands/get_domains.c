/* EmailGateway.GetDomains: the caller's sender domains. */
#include "command.h"
#include "json.h"
#include "stats.h"

static const eg_param params[] = {
    { "WithCounts", EG_BOOL, EG_OPTIONAL, .error = EG_E_WITH_COUNTS },
    { NULL },
};

/* What each has, and what it did in the last 28 days. */
static void add_counts(json_t *domain, const eg_rows *rows, int row, apr_pool_t *pool)
{
    json_object_set_new(domain, "Counts",
                        json_pack("{s:I, s:I, s:I}", "APIKeys",
                                  (json_int_t)eg_rows_int(rows, row, "api_keys"), "SMTPs",
                                  (json_int_t)eg_rows_int(rows, row, "smtps"), "Webhooks",
                                  (json_int_t)eg_rows_int(rows, row, "webhooks")));
    json_object_set_new(domain, "Stats", eg_stats_json(rows, row, pool));
}

static apr_status_t run(eg_call *call)
{
    json_t *domains = json_array();
    int with_counts = eg_param_int(call, "WithCounts") != 0;
    eg_rows *rows;
    apr_status_t rv;

    eg_json_own(domains, call->pool);
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_domains",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(with_counts ? "true" : "false")));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        json_t *domain =
            json_pack("{s:s, s:s, s:b, s:b}", "DomainID", eg_rows_text(rows, row, "domain_id"), "DomainName",
                      eg_rows_text(rows, row, "name"), "Verified", eg_rows_bool(rows, row, "verified"),
                      "Active", eg_rows_bool(rows, row, "active"));

        if (with_counts) {
            add_counts(domain, rows, row, call->pool);
        }
        json_array_append_new(domains, domain);
    }
    eg_call_reply(call, json_pack("{s:O}", "Domains", domains));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_domains = { .run = run, .params = params };
