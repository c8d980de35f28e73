/*
 * A sender domain as the commands on domains show it.
 */
#ifndef EG_DOMAIN_H
#define EG_DOMAIN_H

#include "command.h"
#include "domainrow.h"

/**
 * Add DomainName, VerificationStatus, DKIMStatus, SPFStatus and DNSRecords, whose
 * Verified is by their states.
 * @param status  of the domain: Pending, Enabled, Warning, Suspended
 */
void eg_domain_show_records(json_t *domain, const char *status, const eg_domaincheck *check);

/** The same of a row of get_domain, with the settings beside it. */
void eg_domain_show_row(json_t *domain, const eg_rows *rows, apr_pool_t *pool);

#endif
