/* EmailGateway.VerifyDomain: looks a domain's DNS records up, and enables it when they hold. */
#include <string.h>

#include <apr_strings.h>

#include "domain.h"

#define TRIES 3 /* of a domain whose records are changed while they are looked up */

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Required field 'DomainID' is missing." },
    { 2, "Unable to retrieve the sender domain information." },
    { 0, NULL },
};

static json_t *result_json(const eg_domainrecord *record)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:b}", "Host", record->host, "Type",
                     eg_dns_type_name(record->type), "Value", record->value, "Verified",
                     record->state == EG_RECORD_HOLDS, "Found", record->found, "Reason", record->reason,
                     "Purpose", eg_record_purpose_name(record->purpose), "Required", record->required);
}

/* What keeps a domain from being enabled beside its records. */
static const char *why_not(const char *status)
{
    if (strcmp(status, "ok") == 0) {
        return NULL;
    }
    return strcmp(status, "changed") == 0 ? "temporary: its records were changed meanwhile"
                                          : "another account has verified this domain";
}

static void reply(eg_call *call, const eg_domaincheck *check, const eg_rows *rows)
{
    const char *id = apr_psprintf(call->pool, "%" APR_INT64_T_FMT, eg_param_int(call, "DomainID"));
    const char *why = why_not(eg_rows_text(rows, 0, "status"));
    json_t *results = json_array();
    json_t *domain = json_pack("{s:s, s:s, s:s}", "DomainID", id, "DomainName", check->facts.name, "Status",
                               eg_rows_text(rows, 0, "domain_status"));

    if (why != NULL) {
        json_object_set_new(domain, "Reason", json_string(why));
    }
    for (int i = 0; i < check->count; i++) {
        json_array_append_new(results, result_json(&check->records[i]));
    }
    eg_call_reply(call, json_pack("{s:o, s:o}", "Domain", domain, "DNSVerificationResults", results));
}

static apr_status_t store(eg_rows **rows, eg_call *call, const eg_domaincheck *check, apr_int64_t version)
{
    const char *verified[EG_RECORDS_MAX], *failed[EG_RECORDS_MAX];
    apr_size_t verified_count = eg_domainrow_purposes(verified, check, EG_RECORD_HOLDS);
    apr_size_t failed_count = eg_domainrow_purposes(failed, check, EG_RECORD_FAILS);

    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "verify_domain",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                 eg_db_int(version), eg_db_text(eg_domainrow_outcome(check->outcome)),
                                 eg_db_texts(verified, verified_count), eg_db_texts(failed, failed_count)));
}

/* Read, look up, store. No connection is held while DNS is asked. @return as run; again: the records were changed */
static apr_status_t verify(int *again, eg_call *call)
{
    eg_domaincheck check;
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_domain",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    *again = 0;
    if (rv == APR_SUCCESS && eg_rows_count(rows) > 0) {
        eg_domainrow_facts(&check.facts, rows, 0);
        eg_domaincheck_run(&check, 1, &call->limits->resolver, call->pool);
        rv = store(&rows, call, &check, eg_rows_int(rows, 0, "records_version"));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_count(rows) == 0) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    *again = strcmp(eg_rows_text(rows, 0, "status"), "changed") == 0;
    reply(call, &check, rows);
    return APR_SUCCESS;
}

static apr_status_t run(eg_call *call)
{
    int again = 1;
    apr_status_t rv = APR_SUCCESS;

    for (int tries = 0; rv == APR_SUCCESS && again && tries < TRIES; tries++) {
        rv = verify(&again, call);
    }
    return rv;
}

const eg_command eg_cmd_verify_domain = { .run = run, .params = params, .faults = faults };
