/* emailgwctl sts: the MTA-STS policy of a recipients' domain, looked up now. */
#include "cafile.h"
#include "ctl.h"
#include "dns.h"
#include "sts_fetch.h"

/* Looked up once. */
static egs_sts_lookup *take(void *baton)
{
    egs_sts_lookup **waiting = baton, *taken = *waiting;

    *waiting = NULL;
    return taken;
}

static void ignore(void *baton, egs_sts_lookup *lookup)
{
    (void)baton;
    (void)lookup;
}

static int never(void *baton)
{
    (void)baton;
    return 0;
}

static const char *outcome_name(egs_sts_outcome outcome)
{
    return outcome == EGS_STS_FETCHED  ? "policy"
           : outcome == EGS_STS_ABSENT ? "none"
           : outcome == EGS_STS_FAILED ? "failed"
                                       : "unknown";
}

/* A list for programs, a line for people. */
static json_t *hosts(const egs_ctl *ctl, const egs_sts_policy *policy)
{
    json_t *list;

    if (!ctl->json) {
        return json_string(apr_array_pstrcat(ctl->pool, policy->mx, ' '));
    }
    list = json_array();
    for (int i = 0; i < policy->mx->nelts; i++) {
        json_array_append_new(list, json_string(APR_ARRAY_IDX(policy->mx, i, const char *)));
    }
    return list;
}

/* Members that do not apply are absent. */
static void show(egs_ctl *ctl, const egs_sts_lookup *lookup)
{
    json_t *shown =
        json_pack("{s:s, s:s, s:s*, s:s*}", "domain", lookup->domain, "result", outcome_name(lookup->outcome),
                  "reason", lookup->problem, "record_id", lookup->id);

    if (lookup->id != NULL) {
        json_object_set_new(shown, "url", json_string(egs_sts_url(lookup->domain, ctl->options, ctl->pool)));
    }
    if (lookup->outcome == EGS_STS_FETCHED) {
        json_object_set_new(shown, "mode", json_string(egs_sts_mode_name(lookup->policy.mode)));
        json_object_set_new(shown, "max_age_seconds",
                            json_integer((json_int_t)apr_time_sec(lookup->policy.max_age)));
        json_object_set_new(shown, "mx", hosts(ctl, &lookup->policy));
    }
    egs_ctl_show(ctl, shown);
}

static int run(egs_ctl *ctl)
{
    egs_sts_lookup lookup = { .pool = ctl->pool }, *waiting = &lookup;
    const egs_sts_observer observer = { .next = take, .done = ignore, .stopping = never, .baton = &waiting };
    const char *problem;
    int failed = egs_ctl_domain(&lookup.domain, ctl, ctl->operand);

    if (failed) {
        return failed;
    }
    if (egs_cafile_check(&problem, "sts_ca_file", ctl->options->sts_ca_file, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s", problem);
    }
    if (eg_dns_start(ctl->pool) != APR_SUCCESS || egs_sts_fetch_start(ctl->pool) != APR_SUCCESS ||
        egs_sts_fetch(ctl->options, &observer, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "c-ares or libcurl does not start");
    }
    show(ctl, &lookup);
    return 0;
}

const egs_ctl_command egs_ctl_sts = {
    .name = "sts",
    .operand = "DOMAIN",
    .help = "the MTA-STS policy of a recipients' domain, looked up and fetched now",
    .run = run,
};
