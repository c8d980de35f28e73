/* EmailGateway.AddDomain: a new sender domain with its DKIM key and the DNS records to publish. */
#include <string.h>

#include "domain.h"

#define DOMAIN_NAME_MAX (4 * EG_DOMAIN_MAX) /* bytes of UTF-8 */

static const eg_param params[] = {
    { "DomainName", EG_TEXT, EG_REQUIRED, .error = 1, .invalid = 2, .max = DOMAIN_NAME_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: DomainName" },
    { 2, "Invalid domain name provided" },
    { 3, "User has reached the maximum number of sender domains allowed" },
    { 0, NULL },
};

/* may_add_domain's and add_domain's word. @return 0 when it was a refusal, which is noted */
static int judge(eg_call *call, const eg_rows *rows)
{
    const char *status = eg_rows_text(rows, 0, "status");

    if (strcmp(status, "ok") == 0) {
        return 1;
    }
    if (strcmp(status, "domain limit reached") == 0) {
        eg_call_refuse_for(call, 3, "%s", eg_rows_text(rows, 0, "detail"));
    }
    else if (strcmp(status, "domain exists") == 0) {
        eg_call_refuse_for(call, 2, "it is one of your domains already");
    }
    else if (strcmp(status, "no selector is left this month") == 0) {
        eg_call_refuse_for(call, 2,
                           "it had all DKIM selectors of this month that its length leaves room for");
    }
    else {
        eg_call_refuse_for(call, 2, "another account has verified it");
    }
    return 0;
}

static apr_status_t make(eg_newdomain *made, eg_call *call, const char *name)
{
    apr_status_t rv = APR_EGENERAL;

    if (call->sender_key.data != NULL) {
        rv = eg_newdomain_make(made, name, EG_SUBDOMAIN_DEFAULT, NULL, &call->limits->domains, call->secret,
                               call->sender_key, call->account_id, call->pool);
    }
    if (rv != APR_SUCCESS) {
        eg_log_at(call->log, EG_LOG_ERR, rv,
                  EGLOGNO(0131) "AddDomain: no keys can be made: is EmailGatewaySenderKeyFile the sender's "
                                "public key?");
    }
    return rv;
}

static apr_status_t store(eg_call *call, const eg_newdomain *made)
{
    eg_domaincheck check = { .facts = made->facts };
    json_t *domain;
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_ONCE, "add_domain",
                   EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(made->facts.name),
                              eg_db_text(made->facts.subdomain), eg_db_text(made->facts.tracking_url),
                              eg_db_text(made->facts.mail_host), eg_db_text(made->facts.tracking_host),
                              eg_db_text(made->facts.ownership_token), eg_db_text(made->facts.dkim_selector),
                              eg_db_text(made->facts.dkim_record),
                              eg_db_bytes(made->dkim_sealed.data, made->dkim_sealed.size),
                              eg_db_bytes(made->webhook_key_sealed.data, made->webhook_key_sealed.size)));

    if (rv != APR_SUCCESS || !judge(call, rows)) {
        return rv;
    }
    check.facts.dkim_selector = eg_rows_text(rows, 0, "dkim_selector");
    check.count = eg_domainrecords_make(check.records, &check.facts, call->pool);
    domain = json_pack("{s:I}", "DomainID", (json_int_t)eg_rows_int(rows, 0, "domain_id"));
    eg_domain_show_records(domain, eg_rows_text(rows, 0, "domain_status"), &check);
    eg_call_reply(call, json_pack("{s:I, s:o}", "NewSenderDomainID",
                                  (json_int_t)eg_rows_int(rows, 0, "domain_id"), "Domain", domain));
    return APR_SUCCESS;
}

/* Keys cost a tenth of a second: a domain that will be refused gets none. */
static apr_status_t run(eg_call *call)
{
    const char *name, *problem;
    eg_newdomain made;
    eg_rows *rows;
    apr_status_t rv;

    if (eg_newdomain_parse(&name, &problem, eg_param_text(call, "DomainName"), call->pool) != APR_SUCCESS) {
        eg_call_refuse_for(call, 2, "%s", problem);
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "may_add_domain",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(name)));
    if (rv != APR_SUCCESS || !judge(call, rows)) {
        return rv;
    }
    rv = make(&made, call, name);
    return rv == APR_SUCCESS ? store(call, &made) : rv;
}

const eg_command eg_cmd_add_domain = { .run = run, .params = params, .faults = faults };
