/* What DNS says now of the records of one or several domains. */
#include "domaincheck.h"

#include <string.h>

#include <apr_strings.h>

#include "hostname.h"

#define QUESTIONS_MAX (EG_RECORDS_MAX + 1) /* of one domain: DMARC may have two */

static eg_dns_question *ask(eg_dns_question *next, const char *name, eg_dns_type type)
{
    *next = (eg_dns_question){ .name = name, .type = type };
    return next + 1;
}

/* Its questions stand in the order of its records. */
static eg_dns_question *ask_for(eg_dns_question *next, eg_domaincheck *check, apr_pool_t *pool)
{
    const char *above = eg_hostname_organisation(check->facts.name);

    check->count = eg_domainrecords_make(check->records, &check->facts, pool);
    for (int i = 0; i < check->count; i++) {
        next = ask(next, check->records[i].host, check->records[i].type);
    }
    if (above != NULL && strcmp(above, check->facts.name) != 0) {
        next = ask(next, apr_pstrcat(pool, "_dmarc.", above, NULL), EG_DNS_TXT);
    }
    return next;
}

void eg_domaincheck_run(eg_domaincheck *checks, int count, const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    eg_dns_question *questions = apr_palloc(pool, (apr_size_t)count * QUESTIONS_MAX * sizeof *questions);
    eg_dns_question **ends = apr_palloc(pool, (apr_size_t)count * sizeof *ends), *next = questions;

    for (int i = 0; i < count; i++) {
        next = ends[i] = ask_for(next, &checks[i], pool);
    }
    eg_dns_ask(questions, (int)(next - questions), resolver, pool);
    next = questions;
    for (int i = 0; i < count; i++) {
        eg_domaincheck *check = &checks[i];

        /* DMARC, the last record, takes what is left. */
        for (int j = 0; j < check->count; j++, next++) {
            eg_domainrecord_judge(&check->records[j], &check->facts, next, (int)(ends[i] - next), pool);
        }
        next = ends[i];
        check->outcome = eg_domainrecords_outcome(check->records, check->count);
    }
}

void eg_domaincheck_run_one(eg_domainrecord *record, const eg_domainfacts *facts,
                            const eg_dns_resolver *resolver, apr_pool_t *pool)
{
    eg_dns_question question;

    ask(&question, record->host, record->type);
    eg_dns_ask(&question, 1, resolver, pool);
    eg_domainrecord_judge(record, facts, &question, 1, pool);
}
