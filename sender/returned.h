/*
 * A mail that has come back, recorded.
 */
#ifndef EGS_RETURNED_H
#define EGS_RETURNED_H

#include "inbound.h"
#include "returnpath.h"

typedef enum {
    EGS_RETURNED_UNKNOWN,  /* the address is no return path of that mail's domain */
    EGS_RETURNED_GONE,     /* the mail is no longer stored */
    EGS_RETURNED_RECORDED, /* as a bounce or a complaint */
    EGS_RETURNED_AGAIN,    /* that was recorded before */
    EGS_RETURNED_IGNORED,  /* there is nothing to record */
    EGS_RETURNED_EARLY,    /* the sender has yet to record that the mail was taken: put off */
    EGS_RETURNED_FENCED    /* another sender has the mail, or had it: nothing was done */
} egs_returned_result;

typedef struct {
    egs_returned_result result;
    const char *recipient; /* whom the mail was sent to; NULL: not known any more */
    const char *detail;    /* of the event that was made, JSON; NULL: none was */
} egs_returned;

/**
 * What a mail says of the one that a return path names: event, webhook posts,
 * counters and suppression in one transaction, once. Waits some seconds for the
 * sender where it has yet to record that the mail was taken.
 * @param host  the domain of the return path
 * @return one of EG_DB_*
 */
apr_status_t egs_returned_record(egs_returned *returned, const eg_returnpath *path, const char *host,
                                 const egs_inbound *inbound, eg_db *db);

/** A mail that httpd took at a return path, as claim_returned leases it. */
typedef struct {
    eg_returnpath path;
    eg_bytes digest;
    const char *lease; /* the fence */
} egs_returned_claim;

/**
 * The same for such a mail, which is dropped in the same transaction, or put off
 * where it is early. Does not wait.
 * @return one of EG_DB_*
 */
apr_status_t egs_returned_finish(egs_returned *returned, const egs_returned_claim *claim,
                                 const egs_inbound *inbound, eg_db *db);

/**
 * Why such a mail could not be recorded, for the operator; the caller keeps its lease.
 * @return one of EG_DB_*
 */
apr_status_t egs_returned_note(const egs_returned_claim *claim, const char *problem, eg_db *db);

/**
 * What the event of a report tells, JSON: as record.c makes it of a refusal, with the mark
 * that it was told later. Pure.
 * @param suppress  the address is to get nothing more
 */
const char *egs_returned_detail(const egs_inbound_report *report, int suppress, apr_pool_t *pool);

/** "recorded", "again", "ignored", "gone", "unknown", "early", "fenced". */
const char *egs_returned_name(egs_returned_result result);

#endif
