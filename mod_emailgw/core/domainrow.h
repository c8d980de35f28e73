/*
 * A domain as SQL gives and takes it.
 */
#ifndef EG_DOMAINROW_H
#define EG_DOMAINROW_H

#include "db.h"
#include "domaincheck.h"

/** From the columns of get_domain and its like. Lives as long as the rows. */
void eg_domainrow_facts(eg_domainfacts *facts, const eg_rows *rows, int row);

/** Set the states of records as they are stored: records_verified, records_failed. */
void eg_domainrow_recall(eg_domainrecord *records, int count, const eg_rows *rows, int row);

/** "holds", "fails", "unknown". */
const char *eg_domainrow_outcome(eg_record_state state);

/** The purposes of the records in this state, as names. @return how many */
apr_size_t eg_domainrow_purposes(const char *purposes[EG_RECORDS_MAX], const eg_domaincheck *check,
                                 eg_record_state state);

#endif
