/*
 * A recipient that says a mail is spam.
 */
#include "complaint.h"

apr_status_t egs_complaint_record(apr_int64_t account_id, const char *message_id, int recipient_no, eg_db *db)
{
    eg_rows *rows;

    return eg_db_call(
        &rows, db, EG_DB_REPEATABLE, "record_complaint",
        EG_DB_ARGS(eg_db_int(account_id), eg_db_text(message_id), eg_db_int(recipient_no), eg_db_text(NULL)));
}
