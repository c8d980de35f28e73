#include "erasing.h"

#include <string.h>

#include "addresshash.h"
#include "job.h"

#define INTERVAL apr_time_from_sec(1) /* while nobody is to be erased */
#define LEASE 60                      /* seconds: then another sender goes on with it */
#define BATCH 1000                    /* events of one part */
#define AT_ONCE apr_time_from_sec(1)  /* parts that follow each other, before other work has its turn */

/* A row of claim_erasure, opened. @return NULL, told, when it cannot be */
static const char *open_address(eg_db *db, const eg_secret *secret, const eg_rows *rows, const eg_log *log)
{
    apr_int64_t account_id = eg_rows_int(rows, 0, "account_id");
    eg_bytes address;
    apr_status_t rv = eg_unseal(&address, secret, EG_SEAL_ERASURE, account_id,
                                eg_rows_bytes(rows, 0, "address_sealed", db->pool), db->pool);

    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv,
                  EGLOGNO(0465) "account=%" APR_INT64_T_FMT
                                " erasure=%s: the address cannot be opened: it was "
                                "sealed with another secret file",
                  account_id, eg_rows_text(rows, 0, "erasure_id"));
        return NULL;
    }
    return address.data;
}

/* Parts, one after the other, as long as there are any and it does not take too long. */
static void erase(eg_db *db, const eg_rows *claimed, const char *address, const char *hash, const eg_log *log)
{
    apr_time_t end = egs_clock() + AT_ONCE;
    const char *state = "more";

    while (strcmp(state, "more") == 0 && egs_clock() < end) {
        eg_rows *rows;

        if (eg_db_call(&rows, db, EG_DB_REPEATABLE, "erase_step",
                       EG_DB_ARGS(eg_db_int(eg_rows_int(claimed, 0, "account_id")),
                                  eg_db_int(eg_rows_int(claimed, 0, "erasure_id")), eg_db_text(address),
                                  eg_db_text(hash), eg_db_int(BATCH))) != APR_SUCCESS) {
            return;
        }
        state = eg_rows_text(rows, 0, "state");
        if (strcmp(state, "done") == 0 && eg_rows_text(rows, 0, "counts") != NULL) {
            eg_log_at(log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0466) "account=%s erasure=%s is done: %s",
                      eg_rows_text(claimed, 0, "account_id"), eg_rows_text(claimed, 0, "erasure_id"),
                      eg_rows_text(rows, 0, "counts"));
        }
    }
}

apr_interval_time_t egs_erase_some(eg_db *db, const eg_secret *secret, const eg_log *log)
{
    const char *address, *hash;
    eg_rows *rows;

    if (eg_db_call(&rows, db, EG_DB_ONCE, "claim_erasure", EG_DB_ARGS(eg_db_int(LEASE))) != APR_SUCCESS ||
        eg_rows_count(rows) == 0) {
        return INTERVAL;
    }
    address = open_address(db, secret, rows, log);
    hash = address != NULL ? eg_addresshash_new(secret, address, db->pool) : NULL;
    if (hash == NULL) {
        return INTERVAL;
    }
    erase(db, rows, address, hash, log);
    return 0;
}
