/* A sender domain as the commands on domains show it. */
#include "domain.h"

/* Of one of its records. */
static const char *status_of(const eg_domaincheck *check, eg_record_purpose purpose)
{
    static const char *const names[] = {
        [EG_RECORD_UNKNOWN] = "Pending", [EG_RECORD_HOLDS] = "Verified", [EG_RECORD_FAILS] = "Failed"
    };

    for (int i = 0; i < check->count; i++) {
        if (check->records[i].purpose == purpose) {
            return names[check->records[i].state];
        }
    }
    return names[EG_RECORD_UNKNOWN];
}

static json_t *record_json(const eg_domainrecord *record)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "Host", record->host, "Type",
                     eg_dns_type_name(record->type), "Value", record->value, "Purpose",
                     eg_record_purpose_name(record->purpose), "Required", record->required, "Verified",
                     record->state == EG_RECORD_HOLDS);
}

void eg_domain_show_records(json_t *domain, const char *status, const eg_domaincheck *check)
{
    json_t *records = json_array();

    json_object_set_new(domain, "DomainName", json_string(check->facts.name));
    json_object_set_new(domain, "VerificationStatus", json_string(status));
    json_object_set_new(domain, "DKIMStatus", json_string(status_of(check, EG_RECORD_DKIM)));
    json_object_set_new(domain, "SPFStatus", json_string(status_of(check, EG_RECORD_SPF)));
    for (int i = 0; i < check->count; i++) {
        json_array_append_new(records, record_json(&check->records[i]));
    }
    json_object_set_new(domain, "DNSRecords", records);
}

static void show_flag(json_t *domain, const char *name, const eg_rows *rows, const char *column)
{
    json_object_set_new(domain, name, json_string(eg_rows_bool(rows, 0, column) ? "1" : "0"));
}

void eg_domain_show_row(json_t *domain, const eg_rows *rows, apr_pool_t *pool)
{
    const char *url = eg_rows_text(rows, 0, "tracking_base_url");
    eg_domaincheck check;

    eg_domainrow_facts(&check.facts, rows, 0);
    check.count = eg_domainrecords_make(check.records, &check.facts, pool);
    eg_domainrow_recall(check.records, check.count, rows, 0);
    show_flag(domain, "LinkTracking", rows, "link_tracking");
    show_flag(domain, "OpenTracking", rows, "open_tracking");
    show_flag(domain, "UnsubscribeLink", rows, "unsubscribe_link");
    json_object_set_new(domain, "HostingProvider", json_string(eg_rows_text(rows, 0, "hosting_provider")));
    json_object_set_new(domain, "Subdomain", json_string(check.facts.subdomain));
    json_object_set_new(domain, "TrackingBaseURL", json_string(url != NULL ? url : ""));
    eg_domain_show_records(domain, eg_rows_text(rows, 0, "domain_status"), &check);
}
