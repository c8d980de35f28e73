/*
 * Mails that httpd took at return paths: read, recorded, dropped.
 */
#include "returned_queue.h"

#include "returned.h"
#include "rounds.h"

#define BATCH 20                        /* mails of one claim; it has bounds of its own for their bytes */
#define LEASE_MAX apr_time_from_sec(60) /* many times what a batch takes */
#define IDLE apr_time_from_msec(500)
#define AWAY apr_time_from_sec(1) /* while the database does not answer */

/* For the operator, who finds there what the database said. */
static const char refused[] = "the database refuses what is to be recorded: see EG0101 in the sender's log";

static void tell(const egs_returned_claim *claim, const egs_inbound *inbound, const egs_returned *returned,
                 const eg_log *log)
{
    const char *kind = egs_inbound_kind_name(inbound->kind);

    if (returned->result == EGS_RETURNED_RECORDED) {
        eg_log_at(log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0440) "returned message=%s recipient=%s kind=%s",
                  claim->path.message_id, returned->recipient, kind);
        return;
    }
    eg_log_at(log, EG_LOG_DEBUG, APR_SUCCESS, "returned message=%s number=%d kind=%s result=%s",
              claim->path.message_id, claim->path.recipient_no, kind, egs_returned_name(returned->result));
}

/* The mail is left to the end of its lease when it cannot be recorded; a sender that dies in here leaves it so, too. */
static apr_status_t take(const egs_returned_claim *claim, eg_bytes mail, eg_db *db, const eg_log *log)
{
    egs_returned returned;
    egs_inbound inbound;
    apr_status_t rv;

    egs_inbound_read(&inbound, mail, db->pool);
    rv = egs_returned_finish(&returned, claim, &inbound, db);
    if (rv == APR_SUCCESS) {
        tell(claim, &inbound, &returned, log);
    }
    else if (rv == EG_DB_REFUSED) {
        egs_returned_note(claim, refused, db);
    }
    return rv;
}

/* One of a claim; of what was set aside, only that it was. */
static apr_status_t take_row(const eg_rows *rows, int row, eg_db *db, const eg_log *log)
{
    const egs_returned_claim claim = {
        .path = { .account_id = eg_rows_int(rows, row, "account_id"),
                  .message_id = eg_rows_text(rows, row, "message_id"),
                  .recipient_no = (int)eg_rows_int(rows, row, "recipient_no") },
        .digest = eg_rows_bytes(rows, row, "digest", db->pool),
        .lease = eg_rows_text(rows, row, "lease"),
    };

    if (claim.lease == NULL) {
        eg_log_at(
            log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0441) "a mail that came back cannot be read and is set aside: account=%" APR_INT64_T_FMT
                          " message=%s number=%d; emailgwctl returned list tells why",
            claim.path.account_id, claim.path.message_id, claim.path.recipient_no);
        return APR_SUCCESS;
    }
    return take(&claim, eg_rows_bytes(rows, row, "mail", db->pool), db, log);
}

/* @return how long until the next round */
static apr_interval_time_t run_round(void *none, eg_db *db, const egs_settings *settings, const eg_log *log)
{
    apr_interval_time_t lease = settings->options->lease < LEASE_MAX ? settings->options->lease : LEASE_MAX;
    eg_rows *rows;
    /* Not repeatable: a claim whose answer is lost would be paid for with a second attempt. */
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_ONCE, "claim_returned",
                                 EG_DB_ARGS(eg_db_int(BATCH), eg_db_int(apr_time_sec(lease))));
    int count = rv == APR_SUCCESS ? eg_rows_count(rows) : 0;

    (void)none;
    for (int row = 0; row < count && (rv == APR_SUCCESS || rv == EG_DB_REFUSED); row++) {
        apr_pool_t *pool;

        rv = apr_pool_create(&pool, db->pool);
        if (rv == APR_SUCCESS) {
            rv = take_row(rows, row, eg_db_with_pool(db, pool), log);
            apr_pool_destroy(pool);
        }
    }
    return rv != APR_SUCCESS ? AWAY : count > 0 ? 0 : IDLE;
}

void egs_returned_queue_run(egs_control *control, const char *dsn)
{
    egs_rounds_run(control, dsn, run_round, NULL, AWAY);
}
