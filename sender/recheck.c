/*
 * The DNS records of enabled domains, looked up again and again. What becomes of
 * a domain by that is judged in SQL (judge_check).
 */
#include "recheck.h"

#include <jansson.h>
#include <string.h>

#include <apr_strings.h>

#include "domainrow.h"
#include "json.h"
#include "rounds.h"

#define BATCH 8                          /* domains whose questions are asked together: some 50 */
#define LEASE_MORE apr_time_from_sec(60) /* for the database, beside the time for DNS */
#define PAUSE_MIN apr_time_from_msec(20)
#define PAUSE_MAX apr_time_from_sec(30)

typedef struct {
    eg_domaincheck checks[BATCH];
    int count;
    eg_rows *claimed;
} batch;

static apr_status_t claim(batch *b, eg_db *db, const egs_options *options)
{
    apr_status_t rv = eg_db_call(&b->claimed, db, EG_DB_REPEATABLE, "claim_domain_checks",
                                 EG_DB_ARGS(eg_db_int(BATCH), eg_db_int(options->domain_check_interval),
                                            eg_db_int(options->resolver_timeout + LEASE_MORE)));

    b->count = rv == APR_SUCCESS ? eg_rows_count(b->claimed) : 0;
    for (int i = 0; i < b->count; i++) {
        eg_domainrow_facts(&b->checks[i].facts, b->claimed, i);
    }
    return rv;
}

static json_t *list_purposes(const eg_domaincheck *check, eg_record_state state)
{
    const char *purposes[EG_RECORDS_MAX];
    apr_size_t count = eg_domainrow_purposes(purposes, check, state);
    json_t *list = json_array();

    for (apr_size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(purposes[i]));
    }
    return list;
}

/* As record_domain_checks takes them. */
static const char *results_text(const batch *b, apr_pool_t *pool)
{
    json_t *list = eg_json_own(json_array(), pool);

    for (int i = 0; i < b->count; i++) {
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:s, s:I, s:s, s:o, s:o}", "account_id",
                                        (json_int_t)eg_rows_int(b->claimed, i, "account_id"), "domain_id",
                                        (json_int_t)eg_rows_int(b->claimed, i, "domain_id"), "lease",
                                        eg_rows_text(b->claimed, i, "lease"), "records_version",
                                        (json_int_t)eg_rows_int(b->claimed, i, "records_version"), "outcome",
                                        eg_domainrow_outcome(b->checks[i].outcome), "verified",
                                        list_purposes(&b->checks[i], EG_RECORD_HOLDS), "failed",
                                        list_purposes(&b->checks[i], EG_RECORD_FAILS)));
    }
    return eg_json_text(list, pool);
}

/* "DKIM: there is no such name; SPF: ...": what required records lack. */
static const char *what_fails(const batch *b, apr_int64_t domain_id, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; i < b->count; i++) {
        const eg_domaincheck *check = &b->checks[i];

        for (int j = 0; eg_rows_int(b->claimed, i, "domain_id") == domain_id && j < check->count; j++) {
            const eg_domainrecord *record = &check->records[j];

            if (record->required && record->state == EG_RECORD_FAILS) {
                text = apr_pstrcat(pool, text, *text != '\0' ? "; " : "",
                                   eg_record_purpose_name(record->purpose), ": ", record->reason, NULL);
            }
        }
    }
    return text;
}

/* The operator hears of each domain whose status has changed. */
static void tell(const eg_rows *changed, int row, const batch *b, const eg_log *log, apr_pool_t *pool)
{
    const char *name = eg_rows_text(changed, row, "name"),
               *status = eg_rows_text(changed, row, "domain_status");
    const char *account = eg_rows_text(changed, row, "account_id");
    const char *why = what_fails(b, eg_rows_int(changed, row, "domain_id"), pool);

    if (!eg_rows_bool(changed, row, "held")) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0383) "domain %s of account %s stays suspended: another account has verified it",
                  name, account);
    }
    else if (strcmp(status, "Warning") == 0) {
        eg_log_at(
            log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0380) "domain %s of account %s will be suspended if its DNS records go on failing: %s",
            name, account, why);
    }
    else if (strcmp(status, "Suspended") == 0) {
        eg_log_at(
            log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0381) "domain %s of account %s is suspended, its DNS records have failed too long: %s",
            name, account, why);
    }
    else {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0382) "domain %s of account %s is enabled again: its DNS records hold", name,
                  account);
    }
}

static apr_status_t record(const batch *b, eg_db *db, const egs_options *options, const eg_log *log)
{
    eg_rows *changed;
    apr_status_t rv = eg_db_call(
        &changed, db, EG_DB_REPEATABLE, "record_domain_checks",
        EG_DB_ARGS(eg_db_text(results_text(b, db->pool)), eg_db_int(options->domain_check_interval),
                   eg_db_int(options->domain_warn_after), eg_db_int(options->domain_suspend_after)));

    for (int row = 0; rv == APR_SUCCESS && row < eg_rows_count(changed); row++) {
        tell(changed, row, b, log, db->pool);
    }
    return rv;
}

/* Nothing is due for a while, or the database is away: the workers tell of that. */
static apr_interval_time_t find_pause(const egs_options *options)
{
    apr_interval_time_t pause = options->domain_check_interval / 20;

    return pause < PAUSE_MIN ? PAUSE_MIN : pause > PAUSE_MAX ? PAUSE_MAX : pause;
}

/* @return how long until the next round */
static apr_interval_time_t run_round(void *none, eg_db *db, const egs_settings *settings, const eg_log *log)
{
    const egs_options *options = settings->options;
    const eg_dns_resolver resolver = { .servers = options->resolver, .timeout = options->resolver_timeout };
    batch *b = apr_pcalloc(db->pool, sizeof *b);

    (void)none;
    if (claim(b, db, options) != APR_SUCCESS || b->count == 0) {
        return find_pause(options);
    }
    eg_domaincheck_run(b->checks, b->count, &resolver, db->pool);
    return record(b, db, options, log) == APR_SUCCESS ? PAUSE_MIN : find_pause(options);
}

void egs_recheck_run(egs_control *control, const char *dsn)
{
    egs_rounds_run(control, dsn, run_round, NULL, PAUSE_MAX);
}
