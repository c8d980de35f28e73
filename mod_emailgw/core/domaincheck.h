/*
 * What DNS says now of the records of one or several domains: all asked at once.
 */
#ifndef EG_DOMAINCHECK_H
#define EG_DOMAINCHECK_H

#include "domainrecords.h"

typedef struct {
    eg_domainfacts facts;
    eg_domainrecord records[EG_RECORDS_MAX]; /* set by eg_domaincheck_run */
    int count;
    eg_record_state outcome; /* of all required records */
} eg_domaincheck;

/** Blocks up to the resolver's timeout: no database connection should be held meanwhile. */
void eg_domaincheck_run(eg_domaincheck *checks, int count, const eg_dns_resolver *resolver, apr_pool_t *pool);

/** The same for one record, of any purpose but DMARC. */
void eg_domaincheck_run_one(eg_domainrecord *record, const eg_domainfacts *facts,
                            const eg_dns_resolver *resolver, apr_pool_t *pool);

#endif
