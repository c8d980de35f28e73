/* EmailGateway.UpdateDomain: tracking, subdomain and notes of a sender domain. */
#include <string.h>

#include "domain.h"
#include "trackurl.h"

#define PROVIDER_MAX 255 /* bytes */

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "LinkTracking", EG_BOOL, EG_OPTIONAL, .error = 101 },
    { "OpenTracking", EG_BOOL, EG_OPTIONAL, .error = 102 },
    { "UnsubscribeLink", EG_BOOL, EG_OPTIONAL, .error = 103 },
    { "HostingProvider", EG_TEXT, EG_OPTIONAL, .error = 104, .max = PROVIDER_MAX },
    { "Subdomain", EG_TEXT, EG_OPTIONAL, .error = 105, .max = EG_DOMAIN_MAX },
    { "TrackingBaseURL", EG_TEXT, EG_OPTIONAL, .error = 106, .max = EG_TRACKURL_MAX },
    { .name = NULL },
};

/* Those above 100 are ours. */
static const eg_fault faults[] = {
    { 1, "Required field 'DomainID' is missing." },
    { 5, "Unable to retrieve sender domain information." },
    { 105, "Invalid parameter 'Subdomain'" },
    { 106, "Invalid parameter 'TrackingBaseURL'" },
    { 0, NULL },
};

/* NULL, like an empty one, changes nothing. @return 0 when it is refused */
static int read_subdomain(const char **label, eg_call *call, const char *name)
{
    const char *given = eg_param_text(call, "Subdomain");

    *label = NULL;
    if (given == NULL || *given == '\0') {
        return 1;
    }
    if (eg_subdomain_parse(label, given, name, call->pool) != APR_SUCCESS) {
        eg_call_refuse_for(call, 105, "one label of letters, digits and inner hyphens is needed");
        return 0;
    }
    return 1;
}

/* NULL changes nothing; an empty one is the gateway's own again. @return 0 when it is refused */
static int read_tracking_url(const char **url, eg_call *call)
{
    const char *given = eg_param_text(call, "TrackingBaseURL"), *usual = call->limits->domains.tracking_url;

    *url = given;
    if (given != NULL && *given == '\0') {
        *url = usual != NULL ? usual : "";
    }
    else if (given != NULL && eg_trackurl_parse(url, given, call->pool) != APR_SUCCESS) {
        eg_call_refuse_for(call, 106, EG_TRACKURL_FORM " are needed");
        return 0;
    }
    return 1;
}

static apr_status_t change(eg_call *call, const char *subdomain, const char *tracking_url)
{
    const eg_domain_settings *settings = &call->limits->domains;
    json_t *domain;
    eg_rows *rows;
    apr_status_t rv =
        eg_call_find(&rows, call, 5, "update_domain",
                     EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                eg_param_arg(call, "LinkTracking"), eg_param_arg(call, "OpenTracking"),
                                eg_param_arg(call, "UnsubscribeLink"), eg_param_arg(call, "HostingProvider"),
                                eg_db_text(subdomain), eg_db_text(tracking_url),
                                eg_db_text(settings->mail_host), eg_db_text(settings->tracking_host)));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    domain = json_pack("{s:s}", "DomainID", eg_rows_text(rows, 0, "domain_id"));
    eg_domain_show_row(domain, rows, call->pool);
    eg_call_reply(call, json_pack("{s:o}", "Domain", domain));
    return APR_SUCCESS;
}

/* A subdomain is judged together with the domain's name. */
static apr_status_t run(eg_call *call)
{
    const char *subdomain, *tracking_url;
    eg_rows *rows;
    apr_status_t rv = eg_call_find(&rows, call, 5, "get_domain",
                                   EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID")));

    if (rv != APR_SUCCESS || rows == NULL) {
        return rv;
    }
    if (!read_subdomain(&subdomain, call, eg_rows_text(rows, 0, "name")) ||
        !read_tracking_url(&tracking_url, call)) {
        return APR_SUCCESS;
    }
    return change(call, subdomain, tracking_url);
}

const eg_command eg_cmd_update_domain = { .run = run, .params = params, .faults = faults };
